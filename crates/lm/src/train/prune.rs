//! A smaller student from a larger model: whole layers or some heads of attention left out. What stays
//! is copied as it is; healing it is training's work.

use crate::weights::Tensor;
use crate::{Error, HeadCounts, Result, Weights};

/// The model with only the layers `keep`, in that order (upwards is the usual one).
///
/// # Errors
/// [`Error::Invalid`] where none is kept, one is kept twice or is not there, or a weight is missing.
pub fn drop_layers(weights: &Weights, keep: &[usize]) -> Result<Weights> {
    let mut config = weights.config().clone();
    check("layers", keep, config.layers)?;
    config.layers = keep.len();
    let mut out = Weights::new(config);
    for (name, tensor) in weights.iter() {
        match layer_of(name) {
            None => out.insert(name, tensor.clone())?,
            Some((layer, part)) => {
                if let Some(place) = keep.iter().position(|&k| k == layer) {
                    out.insert(&format!("blk.{place}.{part}"), tensor.clone())?;
                }
            }
        }
    }
    out.check()?;
    Ok(out)
}

/// The model with only some query heads of each layer: `keep[layer]` numbers them upwards. All layers
/// keep as many, and in each layer every key head that is kept serves as many of them; a key head that
/// serves none goes too.
///
/// # Errors
/// [`Error::Invalid`] where that is not so, or a weight is missing.
pub fn prune_heads(weights: &Weights, keep: &[Vec<usize>]) -> Result<Weights> {
    let mut config = weights.config().clone();
    let heads = config.heads;
    if keep.len() != config.layers {
        let (given, layers) = (keep.len(), config.layers);
        return Err(Error::Invalid(format!(
            "heads of {given} layers for a model of {layers}"
        )));
    }
    let kept: Vec<Vec<usize>> = keep
        .iter()
        .map(|queries| kept_keys(heads, queries))
        .collect::<Result<_>>()?;
    let (queries, keys) = (keep[0].len(), kept[0].len());
    if keep.iter().any(|q| q.len() != queries) || kept.iter().any(|k| k.len() != keys) {
        return Err(Error::Invalid("all layers must keep as many heads".into()));
    }
    config.heads = HeadCounts {
        query: queries,
        key_value: keys,
        width: heads.width,
    };
    let mut out = Weights::new(config);
    for (name, tensor) in weights.iter() {
        let Some((layer, part)) = layer_of(name) else {
            out.insert(name, tensor.clone())?;
            continue;
        };
        let tensor = match part.split('.').next() {
            Some("attn_q") => rows(tensor, &keep[layer], heads.width)?,
            Some("attn_k" | "attn_v") => rows(tensor, &kept[layer], heads.width)?,
            Some("attn_output") => columns(tensor, &keep[layer], heads.width)?,
            _ => tensor.clone(),
        };
        out.insert(name, tensor)?;
    }
    out.check()?;
    Ok(out)
}

/// The key heads that serve these query heads.
fn kept_keys(heads: HeadCounts, queries: &[usize]) -> Result<Vec<usize>> {
    check("query heads", queries, heads.query)?;
    if !queries.is_sorted() {
        return Err(Error::Invalid(
            "query heads to keep are not in order".into(),
        ));
    }
    let group = heads.query / heads.key_value;
    let mut counts = vec![0; heads.key_value];
    queries.iter().for_each(|q| counts[q / group] += 1);
    let kept: Vec<usize> = (0..heads.key_value).filter(|&k| counts[k] > 0).collect();
    if kept.iter().any(|&k| counts[k] != counts[kept[0]]) {
        return Err(Error::Invalid(
            "key heads that are kept must serve as many query heads".into(),
        ));
    }
    Ok(kept)
}

fn check(what: &str, keep: &[usize], count: usize) -> Result<()> {
    let mut sorted = keep.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    if keep.is_empty() || sorted.len() != keep.len() || sorted.iter().any(|&k| k >= count) {
        return Err(Error::Invalid(format!(
            "{what} to keep: {keep:?} of {count}"
        )));
    }
    Ok(())
}

/// Layer and rest of a tensor's name.
fn layer_of(name: &str) -> Option<(usize, &str)> {
    let (layer, part) = name.strip_prefix("blk.")?.split_once('.')?;
    Some((layer.parse().ok()?, part))
}

/// Groups of `width` rows.
fn rows(tensor: &Tensor, keep: &[usize], width: usize) -> Result<Tensor> {
    let mut shape = tensor.shape().to_vec();
    shape[0] = keep.len() * width;
    let group = width * shape[1..].iter().product::<usize>();
    let data = keep
        .iter()
        .flat_map(|&k| &tensor.data()[k * group..][..group])
        .copied();
    Tensor::new(shape, data.collect())
}

/// Groups of `width` columns of a matrix.
fn columns(tensor: &Tensor, keep: &[usize], width: usize) -> Result<Tensor> {
    let shape = vec![tensor.shape()[0], keep.len() * width];
    let rows = tensor.data().chunks_exact(tensor.shape()[1]);
    let data = rows.flat_map(|row| keep.iter().flat_map(move |&k| &row[k * width..][..width]));
    Tensor::new(shape, data.copied().collect())
}
