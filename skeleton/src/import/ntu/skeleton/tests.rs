use super::*;
use std::fmt::Write;

/// x, y, z of a joint of the test's bodies: a person about 1.2 m high and 0.5 m wide, moved by
/// `shift` along x. Thousandths, so that text and number are the same.
pub(in crate::import) fn position(shift: f64, joint: usize) -> [f32; 3] {
    let milli = |x: f64| ((x * 1000.0).round() / 1000.0) as f32;
    [
        milli(shift + 0.1 * (joint % 5) as f64 + 0.001),
        milli(0.05 * joint as f64 - 0.6),
        milli(2.0 + 0.01 * joint as f64),
    ]
}

/// A file of frames, each of bodies (id, shift), with `end` after each line.
pub(in crate::import) fn text(frames: &[&[(u64, f64)]], end: &str) -> String {
    let mut text = format!("{}{end}", frames.len());
    for bodies in frames {
        write!(text, "{}{end}", bodies.len()).expect("written");
        for (id, shift) in *bodies {
            write!(text, "{id} 0 1 1 1 1 0 0.05 -0.27 2{end}25{end}").expect("written");
            for joint in 0..JOINTS {
                let [x, y, z] = position(*shift, joint);
                let rest = "281.3 168.7 -inf 371.2 -0.2 0.03 0.97 -0.1 2";
                write!(text, "{x:?} {y:?} {z:?} {rest}{end}").expect("written");
            }
        }
    }
    text
}

fn body(id: u64, shift: f64) -> Body {
    let joints = std::array::from_fn(|joint| position(shift, joint));
    Body { id, joints }
}

fn refused(text: &str) -> String {
    let error = Recording::parse("a.skeleton", text.as_bytes()).expect_err("no recording");
    error.to_string()
}

/// A file of one body in one frame, in which line `number` is another.
fn with_line(number: usize, line: &str) -> String {
    let text = text(&[&[(7, 0.0)]], "\n");
    let mut lines: Vec<&str> = text.lines().collect();
    lines[number - 1] = line;
    lines.join("\n")
}

#[test]
fn bodies_come_and_go() {
    let long = 18_446_744_073_709_551_615;
    let frames: [&[(u64, f64)]; 4] = [&[(long, 0.0)], &[], &[(72, 1.5), (long, 0.25)], &[]];
    for end in ["\n", "\r\n"] {
        let recording = Recording::parse("a", text(&frames, end).as_bytes()).expect("sound");
        assert_eq!(recording.frames(), 4);
        for (t, bodies) in frames.iter().enumerate() {
            let bodies: Vec<_> = bodies.iter().map(|(id, shift)| body(*id, *shift)).collect();
            assert_eq!(recording.bodies(t), bodies);
        }
        assert_eq!(recording.bodies(4), []);
    }
}

#[test]
fn the_last_line_needs_no_end_and_blank_ones_may_follow() {
    let text = text(&[&[(7, 0.0)]], "\n");
    for text in [text.trim_end().to_string(), text.clone() + "\r\n \n"] {
        let recording = Recording::parse("a", text.as_bytes()).expect("sound");
        assert_eq!(recording.bodies(0), [body(7, 0.0)]);
    }
}

#[test]
fn numbers_are_rounded_as_numpy_does() {
    // Halfway between two f32 but for the 20th digit, which is lost in f64: to even, not up.
    let line = "1.00000005960464477539062500001 -2.5e-3 +.5 0 0 0 0 0 0 0 0 0";
    let recording = Recording::parse("a", with_line(5, line).as_bytes()).expect("sound");
    assert_eq!(recording.bodies(0)[0].joints[0], [1.0, -0.0025, 0.5]);
}

#[test]
fn a_truncated_file_is_named_with_its_line() {
    let whole = text(&[&[(7, 0.0)], &[]], "\n");
    let lines: Vec<&str> = whole.lines().collect();
    for (kept, what) in [
        (0, "line 1: expected the number of frames"),
        (1, "line 2: expected a frame's number of bodies"),
        (2, "line 3: expected a body"),
        (3, "line 4: expected a body's number of joints"),
        (4, "line 5: expected a joint"),
        (28, "line 29: expected a joint"),
        (29, "line 30: expected a frame's number of bodies"),
    ] {
        let text = lines[..kept].join("\n");
        let expected = format!("a.skeleton: {what}, found the end of the file");
        assert_eq!(refused(&text), expected);
    }
    let cut = refused(&whole[..whole.len() - 40]);
    assert!(cut.contains("a.skeleton: line 29: "), "{cut}");
}

#[test]
fn what_is_wrong_is_named_with_line_and_field() {
    let rest = "0 0 0 0 0 0 0 0 0";
    for (line, text, expected) in [
        (
            1,
            "x",
            "number of frames: expected a whole number up to 20000, found \"x\"",
        ),
        (
            1,
            "-1",
            "number of frames: expected a whole number up to 20000, found \"-1\"",
        ),
        (1, "99999999999999999999", "found \"99999999999999999999\""),
        (
            2,
            "65",
            "number of bodies: expected a whole number up to 64, found \"65\"",
        ),
        (3, "7 0 1", "body: expected 10 numbers, found 3"),
        (
            3,
            "-7 0 1 1 1 1 0 0 0 2",
            "body id: expected a whole number of 64 bits, found \"-7\"",
        ),
        (4, "24", "number of joints: expected 25, found \"24\""),
        (
            5,
            &format!("a 0 0 {rest}"),
            "x: expected a finite number, found \"a\"",
        ),
        (
            6,
            &format!("0 nan 0 {rest}"),
            "y: expected a finite number, found \"nan\"",
        ),
        (
            7,
            &format!("0 0 -inf {rest}"),
            "z: expected a finite number, found \"-inf\"",
        ),
        (
            8,
            &format!("0 0 1e39 {rest}"),
            "z: expected a finite number, found \"1e39\"",
        ),
        (
            9,
            "0 0 0 0 0 0 oops 0 0 0 0 0",
            "colour y: expected a number, found \"oops\"",
        ),
        (29, "0 0 0", "joint: expected 12 numbers, found 3"),
        (
            29,
            &format!("0 0 0 {rest} 0"),
            "joint: expected 12 numbers, found 13",
        ),
    ] {
        let message = refused(&with_line(line, text));
        let place = format!("a.skeleton: line {line}: ");
        assert!(
            message.starts_with(&place) && message.ends_with(expected),
            "{message}"
        );
    }
}

#[test]
fn a_count_that_lies_is_noticed() {
    let more = refused(&with_line(2, "2"));
    assert_eq!(
        more,
        "a.skeleton: line 30: expected a body, found the end of the file"
    );
    let fewer = refused(&with_line(2, "0"));
    assert!(
        fewer.contains("line 3: number of frames: expected the end of the file"),
        "{fewer}"
    );
    let frames = refused(&with_line(1, "20000"));
    assert!(
        frames.contains("line 30: expected a frame's number of bodies"),
        "{frames}"
    );
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let bytes = b"1\n1\n\xff\xfe 0\n";
    let error = Recording::parse("a", bytes)
        .expect_err("no text")
        .to_string();
    assert!(error.starts_with("a: line 3: body id"), "{error}");
}
