//! What a kernel takes, read from its own text, so that a call with other arguments is refused before it
//! reaches the GPU.

use super::launch::Arg;

/// The type of an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Pointer,
    Word,
    Long,
    Real,
    Wide,
}

impl Kind {
    pub(super) fn of(arg: Arg) -> Self {
        match arg {
            Arg::Pointer(_) => Self::Pointer,
            Arg::Word(_) => Self::Word,
            Arg::Long(_) => Self::Long,
            Arg::Real(_) => Self::Real,
            Arg::Wide(_) => Self::Wide,
        }
    }

    /// From a parameter's declaration.
    fn parse(parameter: &str) -> Option<Self> {
        if parameter.contains('*') {
            return Some(Self::Pointer);
        }
        match parameter.split_whitespace().next()? {
            "u32" => Some(Self::Word),
            "u64" => Some(Self::Long),
            "float" => Some(Self::Real),
            "double" => Some(Self::Wide),
            _ => None,
        }
    }
}

/// The types that a kernel takes, in order. The text has its name as it is, or as a macro puts it together:
/// `add_##S` for `add_f`, `attention_##S##D` for `attention_f64`.
pub(super) fn signature(text: &str, name: &str) -> Option<Vec<Kind>> {
    let (stem, _) = name.rsplit_once('_').unwrap_or((name, ""));
    let written = [
        format!("__global__ void {name}("),
        format!("__global__ void {stem}_##S("),
        format!("__global__ void {stem}_##S##D("),
    ];
    let after = written
        .iter()
        .find_map(|start| text.split_once(start.as_str()))?;
    let (parameters, _) = after.1.split_once(')')?;
    parameters
        .split(',')
        .map(|parameter| Kind::parse(parameter.trim_start_matches([' ', '\n', '\\'])))
        .collect()
}
