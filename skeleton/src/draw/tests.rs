use super::*;
use crate::layout::Layout;
use crate::motions::{self, Action, Subject};
use image::AnimationDecoder;
use image::codecs::gif::GifDecoder;
use std::io::{BufReader, Cursor};

fn clip() -> crate::Sequence {
    motions::recording(&Subject::new(0, 1), Action::Wave, 1, 2.0, 10.0)
}

fn area(side: f32) -> Area {
    Area {
        x: 0.0,
        y: 0.0,
        width: side,
        height: side,
    }
}

fn frames(side: u32) -> Vec<Picture> {
    let clip = clip();
    let view = View::fit(clip.view(), Angle::ASIDE, area(side as f32));
    let draw = |t| {
        let mut picture = Picture::new(side, side);
        scene(&mut picture, &view, &Layout::ntu25(), clip.view(), t);
        picture
    };
    (0..clip.frames).map(draw).collect()
}

/// Share of pixels that are nearly of one colour.
fn share(rgb: &[u8], colour: Colour) -> f64 {
    let near = |p: &&[u8]| (0..3).all(|c| p[c].abs_diff(colour.0[c]) < 12);
    rgb.chunks_exact(3).filter(near).count() as f64 / (rgb.len() / 3) as f64
}

#[test]
fn a_png_comes_back_and_shows_both_sides() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("frame.png");
    frames(240)[0].save_png(&path).expect("saved");
    let read = image::open(&path).expect("a picture").to_rgb8();
    assert_eq!(read.dimensions(), (240, 240));
    for (colour, least) in [
        (colour::LEFT, 0.004),
        (colour::RIGHT, 0.004),
        (colour::TRUNK, 0.003),
        (colour::PAPER, 0.5),
    ] {
        let found = share(read.as_raw(), colour);
        assert!(found > least, "{colour:?}: {found}");
    }
}

#[test]
fn a_gif_comes_back_frame_by_frame() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("clip.gif");
    let drawn = frames(160);
    gif(&path, drawn.clone(), 15.0).expect("saved");
    let bytes = std::fs::read(&path).expect("there");
    assert!(bytes.len() < 4000 * drawn.len(), "{} bytes", bytes.len());
    let decoder = GifDecoder::new(BufReader::new(Cursor::new(bytes))).expect("a GIF");
    let read = decoder.into_frames().collect_frames().expect("frames");
    assert_eq!(read.len(), drawn.len());
    let mut shown = 0.0;
    for (frame, picture) in read.iter().zip(&drawn) {
        let (numerator, denominator) = frame.delay().numer_denom_ms();
        shown += f64::from(numerator) / f64::from(denominator);
        let buffer = frame.buffer();
        assert_eq!(buffer.dimensions(), (160, 160));
        let off: u64 = buffer
            .pixels()
            .zip(picture.rgb().chunks_exact(3))
            .map(|(a, b)| {
                (0..3)
                    .map(|c| u64::from(a.0[c].abs_diff(b[c])))
                    .sum::<u64>()
            })
            .sum();
        assert!(off < 160 * 160 * 3, "mean error {off} / {}", 160 * 160 * 3);
    }
    assert!((shown - 1000.0 * drawn.len() as f64 / 15.0).abs() < 6.0);
}

#[test]
fn an_odd_frame_or_none_leaves_no_file() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("clip.gif");
    let odd = vec![Picture::new(20, 20), Picture::new(20, 21)];
    let message = gif(&path, odd, 10.0).expect_err("odd").to_string();
    assert!(message.contains("20×21"), "{message}");
    assert!(gif(&path, Vec::new(), 10.0).is_err());
    assert!(!path.exists());
}

#[test]
fn a_clip_stays_within_its_area_and_is_no_mirror_image() {
    let clip = clip();
    for angle in [Angle::FRONT, Angle::ASIDE] {
        let area = Area {
            x: 30.0,
            y: 50.0,
            width: 200.0,
            height: 300.0,
        };
        let view = View::fit(clip.view(), angle, area);
        for t in 0..clip.frames {
            let at = |v| view.project(clip.joint(t, 0, v)).0;
            for [x, y] in (0..25).map(at) {
                assert!((30.0..230.0).contains(&x) && (50.0..350.0).contains(&y));
            }
            assert!(at(8)[0] < at(4)[0], "the right shoulder is on the left");
            assert!(at(3)[1] < at(0)[1], "the head is above the hips");
        }
    }
}

#[test]
fn nobody_lost_joints_and_numbers_that_are_none_are_no_trouble() {
    let mut clip = clip();
    clip.set_joint(0, 0, 7, [0.0; 3]);
    clip.set_joint(0, 0, 9, [f32::NAN, 0.0, 1.0]);
    clip.set_joint(1, 0, 9, [f32::INFINITY, 0.0, 1.0]);
    let nobody = crate::Sequence::zeros(4, 2, 25);
    let empty = crate::Sequence::zeros(0, 1, 25);
    for sequence in [&clip, &nobody, &empty] {
        let clip = Clip {
            title: "ü → 走".into(),
            caption: "a caption that is much too long for its strip".repeat(3),
            sequence: sequence.view(),
            fps: 10.0,
        };
        let picture = sheet(
            &[clip.clone(), clip],
            &Layout::ntu25(),
            Angle::FRONT,
            7,
            5,
            (200, 120),
        );
        assert_eq!(picture.width(), 2 * 200 + 3 * 18);
    }
}

#[test]
fn text_and_bars_leave_their_mark() {
    let mut picture = Picture::new(100, 40);
    let end = picture.text(2.0, 2.0, Size::Small, colour::INK, "wave");
    assert_eq!(end, 2.0 + 4.0 * Size::Small.width());
    picture.text(90.0, 30.0, Size::LargeBold, colour::INK, "cut off");
    picture.bar(0.0, 20.0, 100.0, 10.0, 0.5, colour::ACCENT);
    picture.bar(0.0, 32.0, 10.0, 4.0, f32::NAN, colour::ACCENT);
    let rgb = picture.rgb();
    assert!(share(&rgb, colour::INK) > 0.002);
    assert!((share(&rgb, colour::ACCENT) - 0.125).abs() < 0.01);
}

/// A body standing in a picture of 640 × 480 pixels, its right on the picture's left.
fn flat(layout: &Layout) -> crate::Sequence {
    let mut clip = crate::Sequence::zeros(3, 2, layout.len());
    for t in 0..3 {
        for (v, name) in layout.joints.iter().enumerate() {
            let side = match name.split(' ').next() {
                Some("left") => 30.0,
                Some("right") => -30.0,
                _ => 0.0,
            };
            let height = match name.rsplit(' ').next() {
                Some("nose" | "eye" | "ear") => 100.0,
                Some("shoulder" | "neck") => 150.0,
                Some("elbow") => 200.0,
                Some("wrist" | "hip") => 250.0,
                Some("knee") => 330.0,
                _ => 410.0,
            };
            let x = 320.0 + side + 5.0 * t as f32;
            clip.set_joint(t, 0, v, [x, height, 0.9]);
        }
    }
    clip.set_joint(1, 0, 1, [0.0; 3]);
    clip
}

#[test]
fn a_flat_body_stands_upright_and_its_right_is_on_the_pictures_left() {
    for name in ["coco17", "body25"] {
        let layout = Layout::by_name(name).expect("known");
        let clip = upright(flat(&layout).view(), &layout);
        assert_eq!(clip.joint(1, 0, 1), [0.0; 3], "lost joints stay lost");
        assert!((0..3).all(|t| clip.view().is_absent(t, 1)), "{name}");
        let view = View::fit(clip.view(), Angle::FRONT, area(300.0));
        let at = |joint: &str| {
            let v = layout.joint(joint).expect("there");
            view.project(clip.joint(0, 0, v)).0
        };
        assert!(at("nose")[1] < at("left ankle")[1], "{name}");
        assert!(at("right shoulder")[0] < at("left shoulder")[0], "{name}");
        let mut picture = Picture::new(300, 300);
        scene(&mut picture, &view, &layout, clip.view(), 0);
        for colour in [colour::LEFT, colour::RIGHT, colour::TORSO] {
            let found = share(&picture.rgb(), colour);
            assert!(found > 0.002, "{name}, {colour:?}: {found}");
        }
    }
}

#[test]
fn a_guess_is_not_drawn_whatever_scale_confidence_has() {
    let layout = Layout::by_name("coco17").expect("known");
    let wrist = layout.joint("left wrist").expect("there");
    for scale in [1.0, 0.1] {
        let mut clip = flat(&layout);
        clip.data
            .chunks_exact_mut(3)
            .for_each(|joint| joint[2] *= scale);
        clip.set_joint(0, 0, wrist, [5000.0, -2000.0, 0.1 * scale]);
        clip.set_joint(1, 0, wrist, [390.0, 210.0, 0.3 * scale]);
        let found = upright(clip.view(), &layout);
        assert_eq!(found.joint(0, 0, wrist), [0.0; 3]);
        assert!(found.joint(1, 0, wrist)[1] != 0.0);
    }
}

#[test]
fn every_layout_is_drawn() {
    for name in crate::layout::names() {
        let layout = Layout::by_name(name).expect("known");
        let mut clip = flat(&layout);
        if !layout.is_2d() {
            for joint in clip.data.chunks_exact_mut(3).filter(|j| j[2] > 0.0) {
                let metres = [(320.0 - joint[0]) / 200.0, (410.0 - joint[1]) / 200.0, 3.0];
                joint.copy_from_slice(&metres);
            }
        }
        let clip = upright(clip.view(), &layout);
        let strip = Clip {
            title: name.into(),
            caption: String::new(),
            sequence: clip.view(),
            fps: 10.0,
        };
        let picture = sheet(&[strip], &layout, Angle::ASIDE, 1, 2, (300, 200));
        for colour in [colour::LEFT, colour::RIGHT] {
            assert!(share(&picture.rgb(), colour) > 0.001, "{name}, {colour:?}");
        }
    }
}
