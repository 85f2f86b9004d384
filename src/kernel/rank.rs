//! Ranks: text keys between any two of which another fits, so that reordering writes one row and never renumbers.
//!
//! A rank is an integer part (a head letter that tells its length, then base-62 digits) and a fraction without trailing zeros; byte
//! order is rank order (`COLLATE "C"`). Placing first or last counts the integer part down or up, so that keys grow with the
//! logarithm of the number of cards. The scheme is David Greenspan's "Implementing fractional indexing".
//!
//! Our own and not the crate `fractional_index`, whose keys have no integer part: they grow by a byte per about 128 placings at one
//! end, and the top of a column is where new deals and every drop from the menu go. Ours are five bytes after 300,000 (see the test).

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const FIRST: &str = "a0";

/// A rank strictly between two others; `None` stands for the end of the list on that side. `None` when the two are not
/// well-formed ranks in ascending order, or when 62^26 ranks have been used up on one side.
pub fn between(above: Option<&str>, below: Option<&str>) -> Option<String> {
    match (above, below) {
        (None, None) => Some(FIRST.to_owned()),
        (Some(above), None) => {
            let (integer, fraction) = split(above)?;
            Some(increment(integer).unwrap_or_else(|| [integer, &middle(fraction, None)].concat()))
        }
        (None, Some(below)) => {
            let (integer, fraction) = split(below)?;
            if fraction.is_empty() { decrement(integer) } else { Some(integer.to_owned()) }
        }
        (Some(above), Some(below)) => {
            let ((low, fraction), (high, end)) = (split(above)?, split(below)?);
            if above >= below {
                return None;
            }
            if low == high {
                return Some([low, &middle(fraction, Some(end))].concat());
            }
            match increment(low) {
                Some(next) if next.as_str() < below => Some(next),
                _ => Some([low, &middle(fraction, None)].concat()),
            }
        }
    }
}

/// `n` ranks in ascending order before `first`, the first one in use.
pub fn many_before(n: usize, first: Option<&str>) -> Option<Vec<String>> {
    let mut ranks = Vec::with_capacity(n);
    for _ in 0..n {
        let next = between(None, ranks.last().map(String::as_str).or(first))?;
        ranks.push(next);
    }
    ranks.reverse();
    Some(ranks)
}

/// Integer and fraction, when the text is a rank.
fn split(rank: &str) -> Option<(&str, &str)> {
    let length = match rank.bytes().next()? {
        head @ b'a'..=b'z' => usize::from(head - b'a') + 2,
        head @ b'A'..=b'Z' => usize::from(b'Z' - head) + 2,
        _ => return None,
    };
    let well_formed = rank.bytes().all(|b| b.is_ascii_alphanumeric()) && rank.len() >= length;
    let (integer, fraction) = if well_formed { rank.split_at(length) } else { return None };
    (!fraction.ends_with('0')).then_some((integer, fraction))
}

/// The shortest fraction between two, the upper one being 1 when there is none. `low` < `high`, neither ends in zero.
fn middle(low: &str, high: Option<&str>) -> String {
    let digit = |text: &str, at: usize| text.as_bytes().get(at).map_or(0, |b| value(*b));
    if let Some(high) = high {
        let common = (0..high.len()).take_while(|i| digit(low, *i) == digit(high, *i)).count();
        if common > 0 {
            let rest = low.get(common..).unwrap_or_default();
            return [&high[..common], &middle(rest, Some(&high[common..]))].concat();
        }
    }
    let (from, to) = (digit(low, 0), high.map_or(DIGITS.len(), |h| digit(h, 0)));
    if to > from + 1 {
        return char::from(DIGITS[(from + to).div_ceil(2)]).to_string();
    }
    match high {
        Some(high) if high.len() > 1 => high[..1].to_owned(),
        _ => format!("{}{}", char::from(DIGITS[from]), middle(low.get(1..).unwrap_or_default(), None)),
    }
}

fn value(digit: u8) -> usize {
    DIGITS.iter().position(|d| *d == digit).unwrap_or(0)
}

/// The next integer part; `None` after the last.
fn increment(integer: &str) -> Option<String> {
    let mut bytes = integer.as_bytes().to_vec();
    for at in (1..bytes.len()).rev() {
        let next = value(bytes[at]) + 1;
        if next < DIGITS.len() {
            bytes[at] = DIGITS[next];
            return String::from_utf8(bytes).ok();
        }
        bytes[at] = DIGITS[0];
    }
    match bytes[0] {
        b'Z' => return Some(FIRST.to_owned()),
        b'z' => return None,
        head => bytes[0] = head + 1,
    }
    if bytes[0] > b'a' {
        bytes.push(DIGITS[0]);
    } else {
        bytes.pop();
    }
    String::from_utf8(bytes).ok()
}

/// The integer part before; `None` before the first.
fn decrement(integer: &str) -> Option<String> {
    const LAST: u8 = DIGITS[DIGITS.len() - 1];
    let mut bytes = integer.as_bytes().to_vec();
    for at in (1..bytes.len()).rev() {
        if let Some(next) = value(bytes[at]).checked_sub(1) {
            bytes[at] = DIGITS[next];
            return String::from_utf8(bytes).ok();
        }
        bytes[at] = LAST;
    }
    match bytes[0] {
        b'a' => return Some("Zz".to_owned()),
        b'A' => return None,
        head => bytes[0] = head - 1,
    }
    if bytes[0] < b'Z' {
        bytes.push(LAST);
    } else {
        bytes.pop();
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn counts_up_and_down_without_growing_much() {
        let (mut top, mut bottom) = (between(None, None).unwrap_or_default(), FIRST.to_owned());
        for _ in 0..300_000 {
            let above = between(None, Some(&top)).unwrap_or_default();
            let below = between(Some(&bottom), None).unwrap_or_default();
            assert!(above < top && below > bottom);
            (top, bottom) = (above, below);
        }
        assert!(top.len() <= 5 && bottom.len() <= 5, "{top} {bottom}");
    }

    #[test]
    fn what_is_not_a_rank_has_no_neighbours() {
        for bad in ["", "0", "a", "a00", "b1", "é", "a0-"] {
            assert_eq!(between(Some(bad), None), None, "{bad}");
        }
        assert_eq!(between(Some("a1"), Some("a0")), None);
        assert_eq!(between(Some("a1"), Some("a1")), None);
    }

    proptest! {
        #[test]
        fn any_sequence_of_moves_keeps_order(moves in prop::collection::vec((0usize..1000, any::<bool>()), 1..400)) {
            let mut column: Vec<String> = vec![];
            let mut last = 0;
            for (at, near) in moves {
                // Half of the moves land where the one before did: the case in which keys grow.
                let at = if near { last.min(column.len()) } else { at % (column.len() + 1) };
                let above = at.checked_sub(1).map(|i| column[i].as_str());
                let rank = between(above, column.get(at).map(String::as_str)).unwrap_or_default();
                prop_assert!(!rank.is_empty());
                column.insert(at, rank);
                last = at;
            }
            prop_assert!(column.windows(2).all(|pair| pair[0] < pair[1]));
        }

        #[test]
        fn many_lie_before_the_first(n in 1usize..2000, steps in 0usize..300) {
            let first = many_before(steps + 1, None).unwrap_or_default().remove(0);
            let ranks = many_before(n, Some(&first)).unwrap_or_default();
            prop_assert_eq!(ranks.len(), n);
            prop_assert!(ranks.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(ranks.last().is_some_and(|last| *last < first));
        }
    }
}
