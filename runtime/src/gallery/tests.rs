use super::*;

fn gallery() -> Gallery {
    Gallery {
        format: FORMAT.into(),
        model: "sha256:0".into(),
        embedding: 3,
        background: Vec::new(),
        actions: Vec::new(),
    }
}

/// Three clips around a direction.
fn clips(x: [f32; 3]) -> Vec<Clip> {
    let clip = |i: u8| {
        let mut embedding = x.to_vec();
        embedding[usize::from(i)] += 0.05;
        Clip {
            from: format!("{i}.ndjson"),
            embeddings: vec![embedding],
        }
    };
    (0..3).map(clip).collect()
}

pub(crate) fn two() -> Gallery {
    let mut gallery = gallery();
    gallery.enroll("bow", clips([1.0, 0.0, 0.0])).expect("bow");
    gallery
        .enroll("wave", clips([0.0, 1.0, 0.0]))
        .expect("wave");
    gallery
}

#[test]
fn what_was_enrolled_is_recognised_and_what_was_not_is_nobody_s() {
    let matcher = Matcher::new(&two());
    let bow = matcher.score(&[2.0, 0.1, 0.0]);
    assert!(bow.probabilities[0] > 0.9, "{bow:?}");
    assert!(bow.probabilities[1] < 0.01 && bow.distance < 1.0, "{bow:?}");
    let other = matcher.score(&[0.0, 0.0, 1.0]);
    assert!(other.probabilities.iter().sum::<f64>() < 0.05, "{other:?}");
    assert!(other.distance > 1.0, "{other:?}");
}

#[test]
fn the_background_competes_but_not_with_its_own_action() {
    let mut gallery = two();
    let window = |action: &str, embedding: [f32; 3]| Window {
        action: action.into(),
        embedding: embedding.to_vec(),
    };
    // Close to a bow; once named, once not.
    let near = [1.0, 0.3, 0.2];
    let p = |gallery: &Gallery| Matcher::new(gallery).score(&near).probabilities[0];
    gallery.background = vec![window("", near)];
    assert!(p(&gallery) < 0.01, "{}", p(&gallery));
    gallery.background = vec![window("bow", near)];
    assert!(p(&gallery) > 0.9, "{}", p(&gallery));
}

#[test]
fn a_classifier_divides_what_the_gallery_leaves() {
    let mut names = vec!["wave".to_string(), "sit".to_string()];
    let places = Matcher::new(&two()).join(&mut names);
    assert_eq!((names.len(), &*places), (3, &[2, 0][..]));
    let scored = Scored {
        probabilities: vec![0.5, 0.25],
        distance: 0.5,
    };
    assert_eq!(scored.mixed(&[0.4, 0.6], &places, 3), [0.35, 0.15, 0.5]);
    assert_eq!(scored.mixed(&[], &places, 3), [0.25, 0.0, 0.5]);
}

#[test]
fn a_file_comes_back_and_a_broken_one_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("g.json");
    two().write(&path).expect("written");
    assert_eq!(Gallery::read(&path).expect("read"), two());
    let text = std::fs::read_to_string(&path).expect("text");
    for (from, to, part) in [
        (
            "gallery/1",
            "gallery/2",
            "expected skeleton-gallery/1, found skeleton-gallery/2",
        ),
        (
            "\"embedding\":3",
            "\"embedding\":4",
            "action \"bow\", clip 0.ndjson: embeddings: expected 4",
        ),
        ("\"wave\"", "\"bow\"", "action \"bow\": expected it once"),
        ("\"wave\"", "\"unknown\"", "expected another name"),
        ("\"clips\"", "\"clip\"", "actions[0]"),
        ("{", "", "not a gallery"),
    ] {
        std::fs::write(&path, text.replacen(from, to, 1)).expect("written");
        let message = Gallery::read(&path).expect_err(part).to_string();
        assert!(
            message.contains("g.json: ") && message.contains(part),
            "{message}"
        );
    }
}

#[test]
fn clips_are_added_replaced_and_forgotten() {
    let mut gallery = two();
    gallery
        .enroll("bow", clips([1.0, 0.1, 0.0]))
        .expect("again");
    assert_eq!(gallery.actions[0].clips.len(), 3);
    let wrong = vec![Clip {
        from: "a".into(),
        embeddings: vec![vec![1.0]],
    }];
    assert!(gallery.enroll("nod", wrong).is_err());
    assert_eq!(gallery.actions.len(), 2);
    let message = gallery.forget("wive").expect_err("unknown").to_string();
    assert!(message.contains("did you mean \"wave\"?"), "{message}");
    gallery.forget("wave").expect("there");
    assert_eq!(gallery.actions.len(), 1);
}

#[test]
fn a_large_background_is_thinned_out_evenly() {
    assert_eq!(spread(5, 8).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert_eq!(spread(7, 3).collect::<Vec<_>>(), [0, 2, 4]);
    assert_eq!(spread(0, 3).count(), 0);
}
