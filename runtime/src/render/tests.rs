use super::*;

fn event(person: u64, event: Kind, action: &str) -> Event {
    Event {
        t: 0.0,
        source: "cam0".into(),
        person,
        event,
        action: action.into(),
        confidence: 0.9,
        since: 0.0,
        top: vec![(action.into(), 0.9)],
        latency_ms: None,
    }
}

fn actions(recording: &Recording) -> Vec<Vec<&str>> {
    let moments = recording.moments.iter();
    moments
        .map(|moment| moment.doing.iter().map(|doing| &*doing.action).collect())
        .collect()
}

#[test]
fn each_picture_shows_what_was_known_by_then() {
    let mut recording = Recording::new(0.25, 0.65, 10.0);
    for j in 0..30 {
        let events = match j {
            3 => vec![event(1, Kind::Start, "sit")],
            12 => vec![event(2, Kind::Start, "wave")],
            15 => vec![event(1, Kind::End, "sit"), event(1, Kind::Start, "stand")],
            18 => vec![event(1, Kind::End, "stand")],
            _ => Vec::new(),
        };
        recording.add("cam0", f64::from(j) / 30.0, &[], &events);
    }
    assert!(recording.is_over());
    // Frames 8, 11, 14, 17 of 30 a second; frame 20 is late.
    assert_eq!(
        actions(&recording),
        [
            vec!["sit"],
            vec!["sit"],
            vec!["sit", "wave"],
            vec!["stand", "wave"]
        ]
    );
}

#[test]
fn people_in_a_picture_stand_upright_and_are_as_tall_as_people() {
    let layout = Layout::by_name("coco17").expect("known");
    let place = |name: &String| {
        let y = match name.rsplit(' ').next() {
            Some("nose" | "eye" | "ear") => 100.0,
            Some("shoulder") => 150.0,
            Some("ankle") => 410.0,
            _ => 250.0,
        };
        Some([320.0, y, 0.8])
    };
    let mut joints: Vec<_> = layout.joints.iter().map(place).collect();
    joints[7] = None;
    let mut recording = Recording::new(0.0, 1.0, 10.0);
    recording.add("", 0.0, &[Body { id: None, joints }], &[]);
    let clip = recording.sequence(&layout);
    let height = |name: &str| clip.joint(0, 0, layout.joint(name).expect("there"))[1];
    // The torso's 100 pixels are half a metre.
    assert!((height("nose") - height("left ankle") - 1.55).abs() < 1e-5);
    assert_eq!(clip.joint(0, 0, 7), [0.0; 3], "not seen");
}
