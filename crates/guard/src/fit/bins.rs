//! Bins of signals: edges at the quantiles of what was seen, so that what a value is worth does not
//! hang on its unit.

/// Most edges of a signal.
const EDGES: usize = 31;

/// Edges at even quantiles of these values, each once; zeros have a bin of their own.
pub fn edges(values: &mut [f32]) -> Vec<f32> {
    values.sort_unstable_by(f32::total_cmp);
    let mut edges = Vec::new();
    if values.first().is_some_and(|least| *least <= 0.0) && values.last() > Some(&0.0) {
        edges.push(0.0);
    }
    let above: Vec<f32> = values
        .iter()
        .copied()
        .filter(|value| *value > 0.0)
        .collect();
    for step in 1..EDGES {
        let Some(value) = above.get(step * above.len() / EDGES) else {
            break;
        };
        if edges.last().is_none_or(|last| value > last) && above.last() > Some(value) {
            edges.push(*value);
        }
    }
    edges
}

/// The bin of a value: how many edges lie below it.
pub fn bin(edges: &[f32], value: f32) -> u8 {
    edges.partition_point(|edge| *edge < value) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_apart_and_bins_are_in_order() {
        let mut values: Vec<f32> = (0..1000).map(|at| (at.max(500) - 500) as f32).collect();
        let edges = edges(&mut values);
        assert!(edges.len() <= EDGES);
        assert_eq!(bin(&edges, 0.0), 0);
        assert_eq!(bin(&edges, 1e9) as usize, edges.len());
        let bins: Vec<u8> = values.iter().map(|value| bin(&edges, *value)).collect();
        assert!(bins.is_sorted());
        assert!(bins.last() > Some(&20));
    }

    #[test]
    fn one_value_is_one_bin() {
        assert_eq!(edges(&mut [0.0; 9]), Vec::<f32>::new());
        assert_eq!(edges(&mut [3.0; 9]), Vec::<f32>::new());
    }
}
