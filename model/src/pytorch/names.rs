//! Names of tensors in checkpoints, brought to those of a weight file.

use crate::plan::{Head, KEY, Plan, QUERY};
use aimclr_skeleton::Stream;
use std::collections::HashSet;
use std::sync::LazyLock;

/// What a name in a state dict means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Name {
    /// A tensor with a place.
    Known(Place),
    /// Batch norm's counter, which nothing reads.
    Counter,
    /// Anything else.
    Unknown,
}

/// A tensor's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The stream that follows from the name; none where nothing is said, which in a file of
    /// several streams means joints.
    pub(super) stream: Option<Stream>,
    /// Name in a weight file.
    pub(super) target: String,
}

/// Every name within an encoder, whatever its head.
static INNER: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let plan = Plan::paper(1);
    let heads = [Head::Projection, Head::classifier(1)];
    let specs = heads.into_iter().flat_map(|head| plan.tensors(head));
    specs.map(|spec| spec.name).collect()
});

const COUNTER: &str = "num_batches_tracked";

impl Name {
    pub(super) fn parse(name: &str) -> Self {
        // `module` is what PyTorch's data parallel wrappers put in between.
        let parts: Vec<&str> = name.split('.').filter(|part| *part != "module").collect();
        if parts.last() == Some(&COUNTER) {
            return Self::Counter;
        }
        let (first, stream) = stream_of(parts.first().copied().unwrap_or_default());
        let place = |target| Self::Known(Place { stream, target });
        match (first, &parts[1..]) {
            ("queue" | "queue_ptr", []) => place(first.to_string()),
            (QUERY | KEY, inner) if INNER.contains(&inner.join(".")) => {
                place(format!("{first}.{}", inner.join(".")))
            }
            // An encoder on its own.
            _ if INNER.contains(&parts.join(".")) => place(format!("{QUERY}.{}", parts.join("."))),
            _ => Self::Unknown,
        }
    }
}

/// Takes `_motion` or `_bone` off a name.
fn stream_of(first: &str) -> (&str, Option<Stream>) {
    [Stream::Motion, Stream::Bone]
        .into_iter()
        .find_map(|stream| {
            let bare = first.strip_suffix(&format!("_{stream}"))?;
            Some((bare, Some(stream)))
        })
        .unwrap_or((first, None))
}

/// Which of the file's encoders is wanted, as the `stream` of its [`Place`]s.
pub(super) fn choose(names: &[Name], wanted: Option<Stream>) -> Result<Option<Stream>, String> {
    let encoder = |place: &Place| place.target.starts_with(QUERY);
    let mut there: Vec<Option<Stream>> = Vec::new();
    for name in names {
        if let Name::Known(place) = name
            && encoder(place)
            && !there.contains(&place.stream)
        {
            there.push(place.stream);
        }
    }
    let wanted_suffix = wanted.filter(|stream| *stream != Stream::Joint);
    match there[..] {
        _ if there.contains(&wanted_suffix) => Ok(wanted_suffix),
        // Files of one stream don't say which it is.
        [None] => Ok(None),
        [only] if wanted.is_none() => Ok(only),
        [] => Err("no tensor of a query encoder in it".into()),
        _ => Err(format!(
            "no encoder of the stream {}; there are {}",
            wanted.unwrap_or(Stream::Joint),
            there
                .iter()
                .map(|stream| stream.unwrap_or(Stream::Joint).to_string())
                .collect::<Vec<_>>()
                .join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(stream: Option<Stream>, target: &str) -> Name {
        Name::Known(Place {
            stream,
            target: target.into(),
        })
    }

    #[test]
    fn every_variant_of_a_name_finds_its_place() {
        for (name, place) in [
            ("encoder_q.A", known(None, "encoder_q.A")),
            ("module.encoder_q.A", known(None, "encoder_q.A")),
            ("encoder_q.module.A", known(None, "encoder_q.A")),
            (
                "encoder_k.st_gcn_networks.9.residual.1.running_var",
                known(None, "encoder_k.st_gcn_networks.9.residual.1.running_var"),
            ),
            (
                "encoder_q_motion.fc.0.weight",
                known(Some(Stream::Motion), "encoder_q.fc.0.weight"),
            ),
            (
                "encoder_k_bone.edge_importance.3",
                known(Some(Stream::Bone), "encoder_k.edge_importance.3"),
            ),
            ("queue", known(None, "queue")),
            ("queue_ptr", known(None, "queue_ptr")),
            ("queue_motion", known(Some(Stream::Motion), "queue")),
            ("queue_ptr_bone", known(Some(Stream::Bone), "queue_ptr")),
            ("data_bn.weight", known(None, "encoder_q.data_bn.weight")),
            ("module.fc.bias", known(None, "encoder_q.fc.bias")),
            ("encoder_q.data_bn.num_batches_tracked", Name::Counter),
            ("encoder_q.data_bn.weights", Name::Unknown),
            ("encoder_q", Name::Unknown),
            ("epoch", Name::Unknown),
            ("", Name::Unknown),
            ("queue.0", Name::Unknown),
        ] {
            assert_eq!(Name::parse(name), place, "{name}");
        }
    }

    #[test]
    fn a_stream_is_chosen() {
        let names = |names: &[&str]| names.iter().map(|n| Name::parse(n)).collect::<Vec<_>>();
        let one = names(&["encoder_q.A"]);
        assert_eq!(choose(&one, None), Ok(None));
        assert_eq!(choose(&one, Some(Stream::Bone)), Ok(None));
        let three = names(&["encoder_q.A", "encoder_q_motion.A", "encoder_q_bone.A"]);
        assert_eq!(choose(&three, None), Ok(None));
        assert_eq!(choose(&three, Some(Stream::Joint)), Ok(None));
        assert_eq!(choose(&three, Some(Stream::Bone)), Ok(Some(Stream::Bone)));
        let motion = names(&["encoder_q_motion.A"]);
        assert_eq!(choose(&motion, None), Ok(Some(Stream::Motion)));
        let message = choose(&motion, Some(Stream::Bone)).expect_err("not there");
        assert_eq!(message, "no encoder of the stream bone; there are motion");
        assert!(choose(&names(&["queue"]), None).is_err());
    }
}
