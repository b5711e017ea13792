//! "Did you mean": the known word that is nearest to a wrong one.

use super::error::ExprError;

/// Adds what was perhaps meant, and what there is.
pub(super) fn did_you_mean<'a>(
    error: ExprError,
    wrong: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> ExprError {
    let nearest = known.clone().map(|word| (distance(wrong, word), word)).min();
    let error = match nearest {
        Some((steps, word)) if steps <= (wrong.chars().count() / 3).max(1) => {
            error.then(format!("did you mean `{word}`?"))
        }
        _ => error,
    };
    let all: Vec<&str> = known.collect();
    if all.is_empty() { error } else { error.then(format!("known are {}", all.join(", "))) }
}

/// Letters to add, drop, change or exchange with their neighbour to make one word of the other; capitals do not count.
fn distance(left: &str, right: &str) -> usize {
    let letters = |word: &str| word.to_lowercase().chars().take(64).collect::<Vec<char>>();
    let (left, right) = (letters(left), letters(right));
    let mut rows = vec![(0..=right.len()).collect::<Vec<usize>>()];
    for (at, letter) in left.iter().enumerate() {
        let above = &rows[at];
        let mut row = vec![at + 1];
        for (column, other) in right.iter().enumerate() {
            let changed = above[column] + usize::from(letter != other);
            let mut steps = changed.min(above[column + 1] + 1).min(row[column] + 1);
            let exchanged = at > 0 && column > 0 && left[at - 1] == *other && right[column - 1] == *letter;
            if exchanged {
                steps = steps.min(rows[at - 1][column - 1] + 1);
            }
            row.push(steps);
        }
        rows.push(row);
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn distances() {
        for (left, right, expected) in [
            ("close", "close", 0),
            ("CLOSE", "close", 0),
            ("clsoe", "close", 1),
            ("closs", "close", 1),
            ("", "abc", 3),
            ("hgh", "high", 1),
        ] {
            assert_eq!(distance(left, right), expected, "{left} {right}");
            assert_eq!(distance(right, left), expected);
        }
    }
}
