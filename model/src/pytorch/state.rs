//! Finding the state dict among what a training script saved.

use super::names::Name;
use super::tensor::is_tensor;
use aimclr_skeleton::pickle::{Kind, Value};
use std::collections::{HashSet, VecDeque};

/// How many dicts deep a state dict may lie.
const DEPTH: usize = 3;

/// Name and value of every entry of the state dict: the dict nearest to the root that has a tensor
/// with one of the encoder's names.
pub(super) fn entries<'p>(root: Value<'p>) -> Result<Vec<(String, Value<'p>)>, String> {
    let mut seen = HashSet::from([root.identity()]);
    let mut queue = VecDeque::from([(root, 0)]);
    let mut tensors = Vec::new();
    while let Some((value, depth)) = queue.pop_front() {
        let Ok(pairs) = value.pairs() else { continue };
        let named = pairs
            .iter()
            .filter_map(|(key, value)| Some((key.text().ok()?.to_string(), *value)))
            .collect::<Vec<_>>();
        let with_tensor = named.iter().filter(|(_, value)| is_tensor(*value));
        let names: Vec<&String> = with_tensor.map(|(name, _)| name).collect();
        if names
            .iter()
            .any(|name| matches!(Name::parse(name), Name::Known(_)))
        {
            return Ok(named);
        }
        tensors.extend(names.into_iter().cloned());
        for (_, value) in named {
            let dict = matches!(value.kind(), Kind::Dict(_) | Kind::Object(_));
            if dict && depth < DEPTH && seen.insert(value.identity()) {
                queue.push_back((value, depth + 1));
            }
        }
    }
    Err(match tensors.first() {
        Some(first) => format!(
            "no tensor of an AimCLR encoder among its {}, the first of which is \"{first}\"",
            tensors.len()
        ),
        None => format!(
            "expected a dict of tensors, as torch.save(model.state_dict(), …) writes it, found {}",
            root.in_words()
        ),
    })
}
