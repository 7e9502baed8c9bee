//! Medians and their spread.

/// The median of some samples, with the lowest and the highest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The smallest sample.
    pub low: f64,
    /// The middle sample, or the mean of the two middle ones.
    pub median: f64,
    /// The largest sample.
    pub high: f64,
}

/// The spread of `samples`, or `None` if there are none.
#[must_use]
pub fn spread(samples: &[f64]) -> Option<Spread> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (*sorted.first()?, *sorted.last()?);
    let middle = sorted.len() / 2;
    let median = if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    };
    Some(Spread { low, median, high })
}

/// The spread of `subject[i] / peer[i]`: each round is compared with itself, so that a machine that
/// slows down for a while slows both sides of a ratio. Rounds that either side lacks are left out.
#[must_use]
pub fn ratio(subject: &[f64], peer: &[f64]) -> Option<Spread> {
    let ratios: Vec<f64> = subject
        .iter()
        .zip(peer)
        .map(|(subject, peer)| subject / peer)
        .collect();
    spread(&ratios)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_and_even_medians() {
        assert_eq!(
            spread(&[3.0, 1.0, 2.0]),
            Some(Spread {
                low: 1.0,
                median: 2.0,
                high: 3.0
            })
        );
        assert_eq!(
            spread(&[4.0, 1.0, 2.0, 3.0]),
            Some(Spread {
                low: 1.0,
                median: 2.5,
                high: 4.0
            })
        );
        assert_eq!(
            spread(&[5.0]),
            Some(Spread {
                low: 5.0,
                median: 5.0,
                high: 5.0
            })
        );
        assert_eq!(spread(&[]), None);
    }

    #[test]
    fn ratios_pair_the_rounds() {
        // The medians of the sides are 2 and 2; the median of the paired ratios is 4.
        let paired = ratio(&[1.0, 2.0, 8.0], &[2.0, 0.5, 2.0]);
        assert_eq!(
            paired,
            Some(Spread {
                low: 0.5,
                median: 4.0,
                high: 4.0
            })
        );
        assert_eq!(ratio(&[1.0], &[]), None);
    }
}
