//! Conditions as columns: one bit a bar.

/// A condition that holds or does not on every bar.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Mask {
    /// 64 bars each, the first in the lowest bit; bits past the end are 0.
    words: Vec<u64>,
    bars: usize,
}

const WORD: usize = 64;

impl Mask {
    /// The same on every bar.
    pub(crate) fn all(bars: usize, holds: bool) -> Self {
        let mut mask = Self { words: vec![if holds { u64::MAX } else { 0 }; bars.div_ceil(WORD)], bars };
        mask.trim();
        mask
    }

    /// Where `holds`, asked for every bar.
    #[cfg(test)]
    #[inline]
    pub(crate) fn of(bars: usize, holds: impl Fn(usize) -> bool) -> Self {
        let word = |number: usize| {
            let first = number * WORD;
            let bits = first..bars.min(first + WORD);
            bits.fold(0, |word, bar| word | (u64::from(holds(bar)) << (bar - first)))
        };
        Self { words: (0..bars.div_ceil(WORD)).map(word).collect(), bars }
    }

    /// Where `holds` for a pair of values.
    #[inline]
    pub(crate) fn of_pairs(left: &[f64], right: &[f64], holds: impl Fn(f64, f64) -> bool) -> Self {
        let bars = left.len().min(right.len());
        let (left, rest_left) = left[..bars].as_chunks::<WORD>();
        let (right, rest_right) = right[..bars].as_chunks::<WORD>();
        let word = |left: &[f64], right: &[f64]| {
            let mut bytes = [0; WORD];
            for ((byte, &left), &right) in bytes.iter_mut().zip(left).zip(right) {
                *byte = u8::from(holds(left, right));
            }
            packed(&bytes)
        };
        // Whole words have a known length, so that several values are compared at a time.
        let mut words: Vec<u64> = left.iter().zip(right).map(|(left, right)| word(left, right)).collect();
        words.extend((!rest_left.is_empty()).then(|| word(rest_left, rest_right)));
        Self { words, bars }
    }

    /// Where `holds` for a value.
    #[inline]
    pub(crate) fn of_values(values: &[f64], holds: impl Fn(f64) -> bool) -> Self {
        let (whole, rest) = values.as_chunks::<WORD>();
        let word = |values: &[f64]| {
            let mut bytes = [0; WORD];
            bytes.iter_mut().zip(values).for_each(|(byte, &value)| *byte = u8::from(holds(value)));
            packed(&bytes)
        };
        let mut words: Vec<u64> = whole.iter().map(|values| word(values)).collect();
        words.extend((!rest.is_empty()).then(|| word(rest)));
        Self { words, bars: values.len() }
    }

    pub(crate) fn get(&self, bar: usize) -> bool {
        bar < self.bars && self.words[bar / WORD] >> (bar % WORD) & 1 == 1
    }

    pub(crate) fn set(&mut self, bar: usize, holds: bool) {
        if bar < self.bars {
            let bit = 1 << (bar % WORD);
            let word = &mut self.words[bar / WORD];
            *word = if holds { *word | bit } else { *word & !bit };
        }
    }

    /// Word by word with another of the same length.
    pub(crate) fn with(&self, other: &Self, join: impl Fn(u64, u64) -> u64) -> Self {
        let words = self.words.iter().zip(&other.words).map(|(left, right)| join(*left, *right)).collect();
        let mut joined = Self { words, bars: self.bars };
        joined.trim();
        joined
    }

    /// Where it does not hold.
    pub(crate) fn not(&self) -> Self {
        self.with(self, |word, _| !word)
    }

    /// On how many bars it holds.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(crate) fn from_words(words: Vec<u64>, bars: usize) -> Self {
        let mut mask = Self { words, bars };
        mask.trim();
        mask
    }

    fn trim(&mut self) {
        if let (Some(last), rest @ 1..) = (self.words.last_mut(), self.bars % WORD) {
            *last &= u64::MAX >> (WORD - rest);
        }
    }

    /// The first bar from `from` on at which one of the masks holds.
    pub(crate) fn next_of(masks: &[Option<&Self>], from: usize) -> Option<usize> {
        let words = masks.iter().flatten().map(|mask| mask.words.len()).max()?;
        let joined = |word: usize| {
            let word_of = |mask: &&Self| mask.words.get(word).copied().unwrap_or(0);
            masks.iter().flatten().map(word_of).fold(0, |joined, word| joined | word)
        };
        let mut word = from / WORD;
        if word >= words {
            return None;
        }
        let mut bits = joined(word) & (u64::MAX << (from % WORD));
        while bits == 0 {
            word += 1;
            if word >= words {
                return None;
            }
            bits = joined(word);
        }
        Some(word * WORD + bits.trailing_zeros() as usize)
    }
}

/// Bytes of 0 and 1 as bits, the first in the lowest. Comparing into bytes first lets several be compared at a time.
#[inline]
fn packed(bytes: &[u8; WORD]) -> u64 {
    let mut word = 0;
    for (place, eight) in bytes.chunks_exact(8).enumerate() {
        let lanes = u64::from_le_bytes(eight.try_into().unwrap_or_default());
        // Multiplying gathers the lowest bits of the eight bytes in the topmost one.
        word |= (lanes.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (place * 8);
    }
    word
}

/// What two equal values mean for a cross; tick prices often make them.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Ties {
    /// The side from before lasts: passing through a tie is a cross, touching is none.
    Keep,
    /// A cross needs both sides on neighbouring bars: passing through a tie goes unnoticed.
    Break,
}

/// Where a value that lies above after it lay below crosses: `now` are the bars on the side it comes to, `before` those on the
/// other; bars on neither side are ties.
pub(crate) fn crosses(now: &Mask, before: &Mask, ties: Ties) -> Mask {
    let mut words = Vec::with_capacity(now.words.len());
    let mut came_from = false;
    for (&now, &before) in now.words.iter().zip(&before.words) {
        let tied = !(now | before);
        if ties == Ties::Break || tied == 0 {
            words.push(now & (before << 1 | u64::from(came_from)));
            came_from = before >> (WORD - 1) & 1 == 1;
        } else {
            words.push(crosses_through_ties(now, before, &mut came_from));
        }
    }
    Mask::from_words(words, now.bars)
}

fn crosses_through_ties(now: u64, before: u64, came_from: &mut bool) -> u64 {
    let mut crossed = 0;
    for bit in 0..WORD {
        if now >> bit & 1 == 1 {
            crossed |= u64::from(*came_from) << bit;
            *came_from = false;
        } else if before >> bit & 1 == 1 {
            *came_from = true;
        }
    }
    crossed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(text: &str) -> Mask {
        let bits: Vec<bool> = text.chars().map(|bit| bit == '1').collect();
        Mask::of(bits.len(), |bar| bits[bar])
    }

    #[test]
    fn the_next_bar_is_found_across_words() {
        let mut sparse = Mask::all(300, false);
        [3, 64, 191, 299].iter().for_each(|bar| sparse.set(*bar, true));
        let other = Mask::of(300, |bar| bar == 100);
        let cases = [
            (0, Some(3)),
            (3, Some(3)),
            (4, Some(64)),
            (65, Some(100)),
            (101, Some(191)),
            (192, Some(299)),
            (300, None),
            (1000, None),
        ];
        for (from, expected) in cases {
            assert_eq!(Mask::next_of(&[Some(&sparse), None, Some(&other)], from), expected, "{from}");
        }
        assert_eq!(Mask::next_of(&[], 0), None);
        assert_eq!((sparse.count(), sparse.not().count()), (4, 296));
    }

    #[test]
    fn ends_are_clean() {
        for bars in [0, 1, 63, 64, 65, 130] {
            assert_eq!(Mask::all(bars, true).count(), bars);
            assert_eq!(Mask::all(bars, false).not().count(), bars);
        }
    }

    #[test]
    fn a_cross_is_a_change_of_side() {
        // `+` lies above, `-` below, `=` is a tie or no value.
        let cases = [
            ("-+++-", ".x...", ".x..."),
            ("=+", "..", ".."),
            ("++", "..", ".."),
            ("+=+", "...", "..."),
            ("-==+", "...x", "...."),
            ("=-+=+", "..x..", "..x.."),
        ];
        for (sides, kept, broken) in cases {
            for padding in [0, 62, 63, 64] {
                let sides = "=".repeat(padding) + sides;
                let of = |side| mask(&sides.replace(side, "1"));
                let expected = |text: &str| mask(&(".".repeat(padding) + text).replace('x', "1"));
                assert_eq!(crosses(&of('+'), &of('-'), Ties::Keep), expected(kept), "{sides}");
                assert_eq!(crosses(&of('+'), &of('-'), Ties::Break), expected(broken), "{sides}");
            }
        }
    }
}
