//! Random numbers from a seed, and orders drawn with them.

/// A stream of random numbers (SplitMix64): small, and the same everywhere.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed(self.0)
    }

    /// A number below `bound`, which is positive.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        // The high half of the product is uniform but for one part in 2^64 / bound.
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

fn mixed(mut state: u64) -> u64 {
    state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^ (state >> 31)
}

/// All numbers below a count in an order drawn by a seed, each by its place: a Feistel network over the next power of four, walked on
/// until it lands inside.
#[derive(Clone, Debug)]
pub(super) struct Permutation {
    count: u64,
    half_bits: u32,
    keys: [u64; 4],
}

impl Permutation {
    pub(super) fn new(count: u64, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let bits = u64::BITS - count.saturating_sub(1).leading_zeros();
        let keys = [random.next(), random.next(), random.next(), random.next()];
        Self { count, half_bits: bits.div_ceil(2).max(1), keys }
    }

    /// The number at a place below the count.
    pub(super) fn of(&self, place: u64) -> u64 {
        let mut number = place;
        loop {
            number = self.shuffled(number);
            if number < self.count.max(1) {
                return number;
            }
        }
    }

    fn shuffled(&self, number: u64) -> u64 {
        let mask = (1_u64 << self.half_bits) - 1;
        let (mut left, mut right) = (number >> self.half_bits & mask, number & mask);
        for key in self.keys {
            (left, right) = (right, left ^ (mixed(right ^ key) & mask));
        }
        left << self.half_bits | right
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permutation_holds_every_number_once() {
        for count in [1, 2, 3, 4, 5, 63, 64, 65, 1000] {
            let order = Permutation::new(count, 42);
            let mut numbers: Vec<u64> = (0..count).map(|place| order.of(place)).collect();
            if count > 10 {
                assert_ne!(numbers, (0..count).collect::<Vec<_>>(), "{count} in their own order");
            }
            numbers.sort_unstable();
            assert_eq!(numbers, (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn random_numbers_are_the_known_ones() {
        // The first outputs of the published SplitMix64 for a seed of 0.
        let mut random = Random::new(0);
        assert_eq!([random.next(), random.next()], [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4]);
        assert!((0..1000).all(|_| random.below(7) < 7));
    }
}
