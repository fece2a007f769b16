use super::*;
use crate::Card;
use crate::weights::Data;
use std::path::PathBuf;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A checkpoint in the zip form and in the old one.
fn both(name: &str) -> [PathBuf; 2] {
    let folder = folder("tests/checkpoints");
    [format!("{name}.pt"), format!("{name}_old.pt")].map(|name| folder.join(name))
}

fn read(path: &Path) -> Imported {
    import(path, &Options::default()).expect("read")
}

fn of_stream(path: &Path, stream: Stream) -> Result<Imported, WeightsError> {
    let options = Options {
        stream: Some(stream),
        ..Options::default()
    };
    import(path, &options)
}

fn names(imported: &Imported) -> Vec<&str> {
    imported
        .weights
        .tensors
        .keys()
        .map(String::as_str)
        .collect()
}

fn unplaced(imported: &Imported) -> Vec<String> {
    let said = imported.unplaced.iter();
    said.map(|Unplaced { name, reason }| format!("{name}: {reason}"))
        .collect()
}

/// The error's text without the file's name, which it must begin with.
fn refused(path: &Path) -> String {
    let message = import(path, &Options::default())
        .expect_err("refused")
        .to_string();
    let start = format!("{}: ", path.display());
    message
        .strip_prefix(&start)
        .expect("the file's name")
        .to_string()
}

#[test]
fn a_whole_encoder_is_placed_in_either_form() {
    for path in both("whole") {
        let imported = read(&path);
        assert_eq!(imported.unplaced, []);
        assert_eq!(imported.missing, Vec::<String>::new());
        let weights = &imported.weights;
        let (plan, head) = Plan::of_weights(weights, QUERY).expect("an encoder");
        assert_eq!(
            (plan.joints, plan.hidden_channels, plan.hidden_dim),
            (25, 2, 4)
        );
        assert_eq!(head, Head::classifier(3));
        assert_eq!(weights.tensors.len(), plan.tensors(head).len());
        // See make.py: a row of 0, 1/1024, 2/1024, …, from another place for every shape.
        for (name, tensor) in &weights.tensors {
            let numbers: usize = tensor.shape.iter().product();
            let mut sum: usize = tensor.shape.iter().sum();
            if name == "encoder_q.fc.weight" {
                sum += 2;
            }
            let offset = 7 * sum % (2048 - numbers);
            let expected = (offset..offset + numbers).map(|i| i as f32 / 1024.0);
            assert!(tensor.values().iter().copied().eq(expected), "{name}");
        }
    }
}

#[test]
fn a_file_without_a_card_gets_one() {
    for path in both("whole") {
        let card = read(&path).weights.card.expect("a card");
        assert_eq!(Card::from_json(&card.to_json()).expect("sound"), card);
        assert_eq!(card.layout.name, "ntu25");
        assert_eq!((card.frames, card.bodies, card.embedding), (50, 2, 4));
        assert_eq!(card.streams, [Stream::Joint]);
        assert_eq!(card.classes, ["class 0", "class 1", "class 2"]);
        assert_eq!(card.preprocessing.name(), "aimclr-1");
        assert_eq!(card.provenance.protocol, "linear");
        let file = path.file_name().expect("a name").to_string_lossy();
        assert!(card.provenance.dataset.contains(&*file));

        let mut options = Options {
            stream: Some(Stream::Bone),
            classes: Some(["a", "b", "c"].map(String::from).to_vec()),
            ..Options::default()
        };
        let card = import(&path, &options).expect("read").weights.card;
        let card = card.expect("a card");
        assert_eq!(card.classes, ["a", "b", "c"]);
        assert_eq!(card.streams, [Stream::Bone]);
        options.classes = Some(vec!["a".into()]);
        let message = import(&path, &options).expect_err("too few").to_string();
        assert!(
            message.ends_with("1 class names for 3 classes"),
            "{message}"
        );
    }
}

#[test]
fn written_and_read_again_the_bytes_are_the_same() {
    let folder = tempfile::tempdir().expect("folder");
    let [zip, old] = both("whole");
    let write = |weights: &Weights, name: &str| {
        let path = folder.path().join(name);
        weights.write(&path).expect("written");
        let bytes = std::fs::read(&path).expect("bytes");
        (path, bytes)
    };
    // Read by its content, not by its name.
    let misnamed = folder.path().join("whole.safetensors");
    std::fs::copy(&zip, &misnamed).expect("copied");
    let (first, bytes) = write(&Weights::read(&misnamed).expect("read"), "a");
    let (_, again) = write(&Weights::read(&first).expect("read"), "b");
    assert_eq!(bytes, again);
    // Beside the card, which names its file, both forms give the same.
    let [zip, old] = [zip, old].map(|path| Weights {
        card: None,
        ..Weights::read(path).expect("read")
    });
    assert_eq!(write(&zip, "c").1, write(&old, "d").1);
}

#[test]
fn every_kind_of_number_and_any_view_is_read() {
    for path in both("kinds") {
        let imported = read(&path);
        let tensor = |name: &str| imported.weights.get(name).expect("there");
        // arange(24).view(2, 3, 4).permute(2, 0, 1)[1:, :, ::2]
        let a = tensor("encoder_q.A");
        assert_eq!(a.shape, [3, 2, 2]);
        let expected = [1, 9, 13, 21, 2, 10, 14, 22, 3, 11, 15, 23].map(|x| x as f32);
        assert_eq!(a.values(), expected);
        for name in ["weight", "bias"] {
            assert_eq!(
                tensor(&format!("encoder_q.data_bn.{name}")).values(),
                [1.5, -2.0]
            );
        }
        assert_eq!(tensor("encoder_q.data_bn.running_mean").values(), [0.25]);
        assert_eq!(tensor("encoder_q.edge_importance.2").shape, [0, 5]);
        let whole = |i: &str| {
            tensor(&format!("encoder_q.edge_importance.{i}"))
                .data
                .clone()
        };
        for (i, expected) in [
            ("0", [1, -2]),
            ("1", [1, 0]),
            ("3", [3, -4]),
            ("4", [3, -4]),
            ("5", [3, 255]),
        ] {
            assert_eq!(whole(i), Data::I64(expected.to_vec()));
        }
        let pointer = tensor("queue_ptr");
        assert!(pointer.shape.is_empty());
        assert_eq!(pointer.data, Data::I64(vec![1 << 40]));
        assert!(imported.weights.card.is_none());
        assert!(
            imported
                .missing
                .contains(&"encoder_q.st_gcn_networks.4.residual.0.bias".into())
        );
        assert!(!imported.missing.contains(&"encoder_q.A".into()));
    }
}

#[test]
fn a_state_dict_is_found_where_a_training_script_put_it() {
    for path in both("nested") {
        let imported = read(&path);
        let expected = [
            "encoder_k.data_bn.weight",
            "encoder_q.data_bn.weight",
            "encoder_q.fc.0.weight",
            "queue",
        ];
        assert_eq!(names(&imported), expected);
        assert_eq!(imported.weights.values("queue").expect("there"), [4.0]);
        assert_eq!(
            unplaced(&imported),
            [
                "module.encoder_q.decoder.weight: not a tensor of AimCLR's encoders",
                "module.encoder_q.data_bn.bias: no tensor but 5",
            ]
        );
        assert!(imported.missing.contains(&"encoder_q.fc.2.bias".into()));
    }
    for path in both("bare") {
        let expected = [
            "encoder_q.data_bn.weight",
            "encoder_q.st_gcn_networks.0.gcn.conv.bias",
        ];
        assert_eq!(names(&read(&path)), expected);
    }
    for path in both("other") {
        let message = refused(&path);
        let expected =
            "no tensor of an AimCLR encoder among its 2, the first of which is \"layer1.weight\"";
        assert_eq!(message, expected);
    }
}

#[test]
fn one_of_three_streams_is_taken_out() {
    for path in both("three_streams") {
        for (stream, [q, k, queue]) in [
            (Stream::Joint, [0.0, 1.0, 6.0]),
            (Stream::Motion, [2.0, 3.0, 7.0]),
            (Stream::Bone, [4.0, 5.0, 8.0]),
        ] {
            let imported = of_stream(&path, stream).expect("read");
            let value = |name: &str| imported.weights.values(name).expect("there")[0];
            assert_eq!(value("encoder_q.data_bn.weight"), q);
            assert_eq!(value("encoder_k.data_bn.weight"), k);
            assert_eq!(value("queue"), queue);
            let others = unplaced(&imported);
            assert!(
                others.iter().all(|line| line.contains(": of the stream ")),
                "{others:?}"
            );
            let all = names(&imported).len() + others.len();
            assert_eq!(all, 10, "{others:?}");
        }
        assert_eq!(read(&path).weights.values("queue").expect("there"), [6.0]);
    }
}

#[test]
fn a_file_cut_at_any_byte_is_refused() {
    for path in both("nested") {
        let bytes = std::fs::read(&path).expect("bytes");
        for end in 0..bytes.len() {
            let options = Options::default();
            let result = match is_checkpoint(&bytes[..end]) {
                true => import_bytes(&path, &bytes[..end], &options).map(|_| ()),
                false => continue,
            };
            assert!(result.is_err(), "{}: {end}", path.display());
        }
    }
}

#[test]
fn any_changed_byte_is_survived() {
    for path in both("nested") {
        let bytes = std::fs::read(&path).expect("bytes");
        for at in 0..bytes.len() {
            for value in [0, 1, b'.', 0x7f, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] = value;
                let _ = import_bytes(&path, &bytes, &Options::default());
            }
        }
    }
}

/// `tests/attacks/README.md` says what each file tries.
#[test]
fn hostile_files_are_refused_and_nothing_runs() {
    let calls = "the pickle asks to call `";
    let here = std::env::current_dir().expect("a folder");
    for (file, expected) in [
        (
            "system.pt",
            [calls, "`os.system`; only arrays and tensors are read"],
        ),
        ("eval.pt", [calls, "`builtins.eval`"]),
        ("nested.pt", [calls, "`os.system`"]),
        ("system_old.pt", [calls, "`os.system`"]),
        ("eval_old.pt", [calls, "`builtins.eval`"]),
        (
            "beyond.pt",
            [
                "encoder_q.A",
                "shape [5], strides [1] from 0 on: beyond its storage of 4 numbers",
            ],
        ),
        (
            "declared.pt",
            [
                "encoder_q.A",
                "storage 0: expected 1000000 numbers of 4 bytes, found 16 bytes",
            ],
        ),
        ("offset.pt", ["encoder_q.A", "at least 0, found -1"]),
        ("stride.pt", ["encoder_q.A", "at least 0, found -1"]),
        (
            "expanded.pt",
            ["encoder_q.A", "beyond its storage of 4 numbers"],
        ),
        (
            "overflow.pt",
            ["encoder_q.A", "beyond its storage of 4 numbers"],
        ),
        (
            "views.pt",
            ["encoder_", "more numbers than the file could hold"],
        ),
        ("references.pt", ["expected a dict of tensors", "a list of"]),
        (
            "deflated.pt",
            ["archive/data/0", "expected a stored member"],
        ),
    ] {
        let path = folder("../tests/attacks").join(file);
        let message = refused(&path);
        for part in expected {
            assert!(message.contains(part), "{file}: {message}");
        }
        // Readers of weights go the same way.
        assert!(Weights::read(&path).is_err(), "{file}");
    }
    assert!(!here.join("PWNED").exists());
}

#[test]
fn what_is_no_checkpoint_is_said() {
    let path = Path::new("x.pt");
    let said = |bytes: &[u8]| {
        let error = import_bytes(path, bytes, &Options::default()).expect_err("refused");
        error.to_string()
    };
    let magic = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    assert!(said(b"\x80\x02K\x01.").contains("expected PyTorch's magic number, found 1"));
    assert!(said(&[&magic[..], b"K\x01."].concat()).contains("version: expected 1001, found 1"));
    let big = [
        &magic[..],
        b"M\xe9\x03.",
        b"}X\x0d\0\0\0little_endian\x89s.",
    ]
    .concat();
    assert!(said(&big).contains("little_endian"), "{}", said(&big));
    assert!(said(b"PK\x03\x04").contains("not a whole zip archive"));
}

/// A trained encoder; sums and numbers as PyTorch reads them.
#[test]
fn a_real_checkpoint_is_read() {
    let path = folder("../../shared/weights/aimclr_ntu60_xview_joint_linear.pt");
    if !path.exists() {
        eprintln!("skipped: ../shared/weights is not there");
        return;
    }
    let imported = read(&path);
    assert_eq!(imported.unplaced, []);
    assert_eq!(imported.missing, Vec::<String>::new());
    let weights = imported.weights;
    let (plan, head) = Plan::of_weights(&weights, QUERY).expect("an encoder");
    assert_eq!(plan, Plan::paper(25));
    assert_eq!(head, Head::classifier(60));
    for (name, first, last, sum) in [
        ("A", 0.25, 0.0, 25.000000551342964),
        (
            "fc.weight",
            -0.8115707635879517,
            -6.0658278465271,
            1.668642646051012,
        ),
        (
            "st_gcn_networks.9.tcn.2.weight",
            0.066452257335186,
            -0.013903556391596794,
            -1827.2217677555354,
        ),
        (
            "st_gcn_networks.4.residual.1.running_var",
            0.8540455102920532,
            1.077887773513794,
            78.41052351891994,
        ),
    ] {
        let values = weights.values(&format!("{QUERY}.{name}")).expect("there");
        let total: f64 = values.iter().copied().map(f64::from).sum();
        assert_eq!(
            (values[0], values[values.len() - 1]),
            (first as f32, last as f32),
            "{name}"
        );
        assert!((total - sum).abs() < 1e-6, "{name}: {total}");
    }
    let card = weights.card.expect("a card");
    assert_eq!((card.classes.len(), card.embedding), (60, 256));
}
