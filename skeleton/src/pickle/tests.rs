use super::*;
use std::path::Path;

const RULES: Rules<'_> = Rules {
    names: ARRAYS,
    values: 10_000,
};

fn file(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pickles");
    std::fs::read(folder.join(name)).expect("the fixture")
}

fn read(bytes: &[u8]) -> Result<Pickle<&[u8]>, PickleError> {
    Pickle::read(bytes, RULES)
}

fn refused(bytes: &[u8]) -> String {
    read(bytes).map(|_| ()).expect_err("refused").to_string()
}

fn entry<'p>(root: Value<'p>, key: &str) -> Value<'p> {
    root.get(key).expect("a dict").expect(key)
}

fn floats(value: Value<'_>) -> Vec<f32> {
    let array = Array::read(value).expect("an array");
    array.floats().expect("in C order").collect()
}

#[test]
fn every_protocol_gives_the_same_values() {
    for protocol in 0..=5 {
        let bytes = file(&format!("values.{protocol}.pkl"));
        let pickle = read(&bytes).expect("read");
        assert_eq!(pickle.length(), bytes.len());
        let of = |key| entry(pickle.root(), key);

        assert!(matches!(of("none").kind(), Kind::None));
        let truth = of("truth").items().expect("a list");
        assert!(
            truth
                .iter()
                .map(Value::kind)
                .map(|k| format!("{k:?}"))
                .eq(["Bool(true)", "Bool(false)"])
        );
        let whole: Vec<i128> = of("whole")
            .items()
            .expect("a list")
            .iter()
            .map(|x| match x.kind() {
                Kind::Int(x) => x.into(),
                Kind::Wide(x) => x,
                other => panic!("{other:?}"),
            })
            .collect();
        let expected = [
            0,
            255,
            256,
            65536,
            -1,
            1 << 31,
            -(1 << 31) - 1,
            1 << 62,
            -(1 << 63),
            1 << 80,
            -(1 << 100),
        ];
        assert_eq!(whole, expected);
        let numbers = of("float").items().expect("a list");
        let numbers: Vec<String> = numbers.iter().map(Value::in_words).collect();
        assert_eq!(numbers, [0.5, -1e300, f64::INFINITY].map(|x| x.to_string()));
        assert_eq!(of("text").text(), Ok("Größe € 🤸\n\\ 'x' \"y\""));
        let [bytes, none] = of("bytes").array().expect("two");
        assert_eq!(bytes.bytes().expect("bytes")[..], b"\x00\xff\n"[..]);
        assert!(none.bytes().expect("bytes").is_empty());
        let tuples = of("tuples").items().expect("a tuple");
        for (i, tuple) in tuples.iter().enumerate() {
            assert!(matches!(tuple.kind(), Kind::Tuple(parts) if parts.len() == i));
        }
        let inner = entry(entry(of("nested"), "a"), "b")
            .items()
            .expect("a list");
        assert_eq!(entry(inner.get(0).expect("one"), "c").int(), Ok(1));
        let [a, b] = of("shared").array().expect("two");
        assert_eq!(a.identity(), b.identity());
    }
}

#[test]
fn arrays_of_every_kind_are_read() {
    for protocol in 0..=5 {
        let bytes = file(&format!("values.{protocol}.pkl"));
        let pickle = read(&bytes).expect("read");
        let of = |key| entry(pickle.root(), key);
        assert_eq!(floats(of("f16")), [1.5, -2.0, 65504.0]);
        assert_eq!(floats(of("f32")), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(floats(of("f64")), [0.1]);
        assert_eq!(floats(of("scalar")), [1.5]);
        assert!(floats(of("empty")).is_empty());
        let ints = |key| Array::read(of(key)).expect("an array").ints();
        assert_eq!(ints("i64"), Ok(vec![1, -2, 1 << 40]));
        assert_eq!(ints("u8"), Ok(vec![0, 255]));
        assert_eq!(ints("bool"), Ok(vec![1, 0]));
        let shape = |key| Array::read(of(key)).expect("an array").shape;
        assert_eq!(shape("f32"), [2, 3]);
        assert_eq!(shape("empty"), [0, 3]);
        assert!(shape("scalar").is_empty());

        let message = |error: PickleError| error.to_string();
        let fortran = Array::read(of("fortran")).expect("an array");
        let said = fortran.floats().map(|_| ()).map_err(message);
        assert_eq!(
            said,
            Err("expected an array in C order, found Fortran order".into())
        );
        let said = ints("f64").map_err(message);
        assert_eq!(said, Err("expected whole numbers, found 0.1".into()));
        for (key, dtype) in [("big_endian", "'>f4'"), ("texts", "'<U1'")] {
            let said = Array::read(of(key)).map_err(message).expect_err("refused");
            assert!(said.contains(dtype), "{said}");
        }
        let said = Array::read(of("text"))
            .map_err(message)
            .expect_err("refused");
        assert!(
            said.starts_with("expected an array, found \"Größe"),
            "{said}"
        );
    }
}

#[test]
fn an_array_from_python_2_is_read() {
    let mut bytes =
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\n".to_vec();
    bytes.extend(b"K\x00\x85U\x01b\x87R(K\x01K\x02\x85cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R");
    bytes.extend(b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x08");
    bytes.extend([1.5f32, -2.0].into_iter().flat_map(f32::to_le_bytes));
    bytes.extend(b"tb.");
    assert_eq!(floats(read(&bytes).expect("read").root()), [1.5, -2.0]);
}

#[test]
fn python_2s_texts_are_read() {
    let text = |bytes: &[u8]| read(bytes).map(|p| p.root().text().map(String::from));
    assert_eq!(
        text(b"S'it\\'s \\x41\\n'\np0\n."),
        Ok(Ok("it's A\n".into()))
    );
    assert_eq!(text(b"U\x03abc."), Ok(Ok("abc".into())));
    assert_eq!(text(b"T\x03\0\0\0abc."), Ok(Ok("abc".into())));
    assert!(refused(b"S'a\n.").contains("quotes"));
    assert!(refused(b"S'\\q'\n.").contains("escape"));
    assert!(refused(b"V\\u12\n.").contains("\\u"));
}

#[test]
fn nothing_is_called_and_unknown_names_are_refused() {
    for (bytes, name) in [
        (&b"cos\nsystem\n(S'touch pwned'\ntR."[..], "os.system"),
        (
            b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.",
            "builtins.eval",
        ),
        (b"(S'echo'\nios\nsystem\n.", "os.system"),
        (b"(cposix\nsystem\nS'echo'\no.", "posix.system"),
        (b"\x80\x02csubprocess\nPopen\n)\x81.", "subprocess.Popen"),
        (
            b"cnumpy.core.multiarray\n_reconstruct.__globals__\n.",
            "__globals__",
        ),
        (b"c__builtin__\n\x1b[2J\n.", "\\u{1b}[2J"),
    ] {
        let message = refused(bytes);
        assert!(message.contains("the pickle asks to call `"), "{message}");
        assert!(message.contains(name), "{message}");
        assert!(
            message.ends_with("only arrays and tensors are read"),
            "{message}"
        );
    }
}

#[test]
fn a_pickle_cut_at_any_byte_is_refused() {
    for protocol in 0..=5 {
        let bytes = file(&format!("values.{protocol}.pkl"));
        for end in 0..bytes.len() {
            read(&bytes[..end]).map(|_| ()).expect_err("cut");
        }
    }
}

#[test]
fn any_changed_byte_is_survived() {
    for protocol in 0..=5 {
        let bytes = file(&format!("values.{protocol}.pkl"));
        for at in 0..bytes.len() {
            for value in [0, b'.', b'(', b'0', b'R', b'b', b'e', b'u', 0x8e, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] = value;
                if let Ok(pickle) = read(&bytes) {
                    let pairs = pickle.root().pairs().unwrap_or_default();
                    for (_, value) in pairs {
                        let _ = Array::read(value).map(|a| a.floats().map(Iterator::count));
                        let _ = value.bytes();
                    }
                }
            }
        }
    }
}

#[test]
fn what_contains_itself_is_read() {
    let bytes = file("loop.pkl");
    let pickle = read(&bytes).expect("read");
    let inner = pickle.root().items().expect("a list").get(0).expect("one");
    assert_eq!(inner.identity(), pickle.root().identity());
}

/// Lists of lists of lists, each holding the one ahead ten times: 10^40 values on paper.
#[test]
fn a_bomb_of_references_stays_small() {
    let mut bytes = b"\x80\x02]q\x00".to_vec();
    for i in 1..=40 {
        bytes.extend([b"]q", &[i][..], b"("].concat());
        bytes.extend([b'h', i - 1].repeat(10));
        bytes.push(b'e');
    }
    bytes.push(b'.');
    let pickle = read(&bytes).expect("read");
    assert!(pickle.nodes.len() < 50);
}

#[test]
fn more_values_than_are_taken_are_refused() {
    for instruction in [&b"N"[..], b"(", b"]", b"N2", b"Nq\x00"] {
        let message = refused(&instruction.repeat(10_001));
        assert!(message.contains("more than 10000 values"), "{message}");
    }
}

#[test]
fn lengths_beyond_the_end_take_no_memory() {
    for bytes in [
        &b"B\xff\xff\xff\xffabc."[..],
        b"X\xff\xff\xff\x7fabc.",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\xffabc.",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
        b"\x8b\xff\xff\xff\xffabc.",
    ] {
        let message = refused(bytes);
        assert!(message.contains("ends in the middle"), "{message}");
    }
    // A memo number is a key, not a size.
    read(b"Nr\xff\xff\xff\xff.").expect("read");
}

#[test]
fn what_does_not_fit_is_named() {
    for (bytes, expected) in [
        (&b"\x80\x06N."[..], "expected protocol 0 to 5, found 6"),
        (
            b"\xfe.",
            "byte 0: expected an instruction of pickle protocols 0 to 5, found 0xfe",
        ),
        (b"\x97.", "data outside the pickle"),
        (b"\x82\x01.", "a number for a name kept elsewhere"),
        (b".", "a value is missing"),
        (b"N(.", "a value is missing"),
        (b"N(\x85.", "a value is missing"),
        (b"t.", "an end without a beginning"),
        (b"(Nd.", "a key without a value"),
        (b"NNa.", "values for what is no list"),
        (b"N(NNu.", "keys for what is no dict"),
        (b"NNb.", "a state for what can't have one"),
        (b"N)R.", "a call of what has no name"),
        (b"h\x07.", "nothing is kept as 7"),
        (
            b"I12x\n.",
            "expected a whole number of at most 128 bits, found \"12x\"",
        ),
        (b"Fx\n.", "expected a float, found \"x\""),
        (b"\x8c\x01\xff.", "a text: expected UTF-8"),
        (b"\x8a\x1101234567890123456.", "a whole number of 17 bytes"),
    ] {
        let message = refused(bytes);
        assert!(message.contains(expected), "{expected}: {message}");
    }
}
