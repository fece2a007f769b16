use super::*;

/// Joint v of a layout at (v, 10·v, 100·v), confidence 1.
fn ladder(layout: &str) -> Vec<Joint> {
    let joints = Layout::by_name(layout).expect("known").len();
    let at = |v: usize| [1.0, 10.0, 100.0].map(|by| by * v as f32);
    (0..joints).map(|v| Joint::at(at(v))).collect()
}

/// Expected "x" of each joint of ntu25, worked out by hand from the table of formats.
const TABLE: [(&str, [f32; 25]); 5] = [
    (
        "mediapipe33",
        [
            23.5, 17.5, 10.3, 7.5, 11.0, 13.0, 15.0, 18.0, 12.0, 14.0, 16.0, 19.0, 23.0, 25.0,
            27.0, 31.0, 24.0, 26.0, 28.0, 32.0, 11.5, 19.0, 21.0, 20.0, 22.0,
        ],
    ),
    (
        "body25",
        [
            8.0, 4.5, 5.95, 17.5, 5.0, 6.0, 7.0, 7.3, 2.0, 3.0, 4.0, 4.3, 12.0, 13.0, 14.0, 19.5,
            9.0, 10.0, 11.0, 22.5, 1.0, 7.3, 7.3, 4.3, 4.3,
        ],
    ),
    (
        "coco17",
        [
            11.5, 8.5, 4.9, 3.5, 5.0, 7.0, 9.0, 9.6, 6.0, 8.0, 10.0, 10.6, 11.0, 13.0, 15.0, 15.0,
            12.0, 14.0, 16.0, 16.0, 5.5, 9.6, 9.6, 10.6, 10.6,
        ],
    ),
    (
        "azure32",
        [
            0.0, 1.0, 3.0, 26.0, 5.0, 6.0, 7.0, 8.0, 12.0, 13.0, 14.0, 15.0, 18.0, 19.0, 20.0,
            21.0, 22.0, 23.0, 24.0, 25.0, 7.5, 9.0, 10.0, 16.0, 17.0,
        ],
    ),
    (
        "nvidia34",
        [
            0.0, 3.0, 6.0, 18.5, 20.0, 22.0, 24.0, 28.0, 21.0, 23.0, 25.0, 29.0, 1.0, 4.0, 7.0,
            9.0, 2.0, 5.0, 8.0, 10.0, 20.5, 28.0, 32.0, 29.0, 33.0,
        ],
    ),
];

#[test]
fn every_table_gives_the_places_worked_out_by_hand() {
    let onto = Layout::ntu25();
    for (from, expected) in TABLE {
        let way = Way::of_places(from, &onto).expect(from);
        let found = way.joints(&ladder(from)).expect("as many joints");
        assert_eq!(found.len(), expected.len());
        for (v, (joint, x)) in found.iter().zip(expected).enumerate() {
            let position = joint.position().expect("seen");
            for (p, by) in position.iter().zip([1.0, 10.0, 100.0]) {
                let name = &onto.joints[v];
                assert!((p / by - x).abs() < 1e-4, "{from}, {name}: {position:?}");
            }
        }
    }
}

#[test]
fn what_is_synthesised_has_no_confidence() {
    let onto = Layout::ntu25();
    for (from, expected) in [
        ("mediapipe33", vec![]),
        ("azure32", vec![]),
        ("nvidia34", vec![]),
        ("kinect20", vec![21, 22, 23, 24]),
        ("body25", vec![7, 11, 21, 22, 23, 24]),
        ("coco17", vec![7, 11, 15, 19, 21, 22, 23, 24]),
    ] {
        let way = Way::of_places(from, &onto).expect(from);
        let found = way.joints(&ladder(from)).expect("as many joints");
        let without: Vec<usize> = (0..found.len())
            .filter(|v| found[*v].confidence() == 0.0)
            .collect();
        assert_eq!(without, expected, "{from}");
    }
}

#[test]
fn every_table_has_each_joint_once() {
    for from in names() {
        for (name, table) in &definition(from).expect("known").onto {
            let onto = Layout::by_name(name).expect("known");
            let source = Layout::by_name(from).expect("known");
            assert_eq!(table.joints.len(), onto.len(), "{from}");
            let named = table.joints.keys().chain(&table.synthesised);
            for joint in named {
                assert!(onto.joint(joint).is_some(), "{from}: {joint}");
            }
            for sums in table.joints.values() {
                for sum in sums {
                    let weight: f32 = sum.iter().map(|(_, w)| w).sum();
                    assert!((weight - 1.0).abs() < 1e-6, "{from}: {sum:?}");
                    assert!(sum.iter().all(|(v, _)| *v < source.len()), "{from}");
                }
            }
        }
    }
}

#[test]
fn kinect20_keeps_its_own_joints() {
    let way = Way::find("kinect20", &Layout::ntu25()).expect("a way");
    let found = way.joints(&ladder("kinect20")).expect("as many joints");
    let x = |v: usize| found[v].position().expect("seen")[0];
    assert_eq!([x(0), x(1), x(3), x(20)], [0.0, 1.0, 3.0, 2.0]);
    assert!((x(2) - 2.3).abs() < 1e-6, "0.7·2 + 0.3·3");
    assert_eq!(
        [x(7), x(21), x(22)],
        [7.0; 3],
        "nothing is known of fingers"
    );
}

#[test]
fn a_lost_joint_takes_along_what_needs_it_or_another_stands_in() {
    let way = Way::of_places("body25", &Layout::ntu25()).expect("a way");
    let mut body = ladder("body25");
    body[17] = Joint(None);
    body[7] = Joint(Some([1.0, 2.0, 3.0, 0.0]));
    body[2] = Joint(Some([2.0, 20.0, 200.0, 0.4]));
    let found = way.joints(&body).expect("as many joints");
    assert_eq!(
        found[3].position(),
        Some([0.0; 3]),
        "the nose, not the ears"
    );
    assert!((found[2].position().expect("seen")[0] - 0.7).abs() < 1e-6);
    for v in [6, 7, 21, 22] {
        assert_eq!(found[v], Joint(None), "no wrist, no {v}");
    }
    assert_eq!(found[8].confidence(), 0.4);
}

#[test]
fn a_data_set_gets_zeros_for_what_is_missing_and_confidence_for_depth() {
    let mut body = ladder("coco17");
    body[3] = Joint(Some([3.0, 30.0, 0.0, 0.5]));
    body[4] = Joint(Some([4.0, 40.0, 0.0, 0.0]));
    body[5] = Joint(None);
    let flat = Layout::by_name("coco17").expect("known");
    let same = Way::find("coco17", &flat).expect("itself");
    let found = same.places(&body).expect("17 joints");
    assert_eq!(found[2], [2.0, 20.0, 1.0]);
    assert_eq!(found[3], [3.0, 30.0, 0.5]);
    assert_eq!([found[4], found[5]], [[0.0; 3]; 2]);
    let way = Way::find("kinect20", &Layout::ntu25()).expect("a way");
    let found = way.places(&ladder("kinect20")).expect("20 joints");
    assert_eq!(found[21], [7.0, 70.0, 700.0], "synthesised in the hand");
}

#[test]
fn joints_of_one_name_are_one_joint_in_2d() {
    let onto = Layout::by_name("coco17").expect("known");
    let from = Layout::by_name("body25").expect("known");
    let way = Way::find("body25", &onto).expect("a way");
    let mut body = ladder("body25");
    let wrist = from.joint("left wrist").expect("there");
    let ear = from.joint("right ear").expect("there");
    body[wrist] = Joint(Some([5.0, 6.0, 0.0, 0.25]));
    body[ear] = Joint(Some([9.0, 9.0, 0.0, 0.0]));
    let found = way.positions(&body).expect("25 joints");
    for (name, position) in onto.joints.iter().zip(&found) {
        let v = from.joint(name).expect("there");
        let expected = match v {
            _ if v == wrist => Some([5.0, 6.0, 0.25]),
            _ if v == ear => None,
            _ => Some([v as f32, 10.0 * v as f32, 1.0]),
        };
        assert_eq!(*position, expected, "{name}");
    }
}

#[test]
fn a_clip_of_a_data_set_is_brought_over_body_by_body() {
    let onto = Layout::ntu25();
    let way = Way::find("kinect20", &onto).expect("a way");
    let mut clip = Sequence::zeros(2, 2, 20);
    for v in 0..20 {
        clip.set_joint(1, 1, v, [v as f32, 1.0, 2.0]);
    }
    clip.set_joint(1, 1, 7, [0.0; 3]);
    let found = way.sequence(clip.view()).expect("20 joints");
    assert_eq!((found.frames, found.bodies, found.joints), (2, 2, 25));
    for (t, m) in [(0, 0), (0, 1), (1, 0)] {
        assert!(found.view().is_absent(t, m), "{t}, {m}");
    }
    assert_eq!(found.joint(1, 1, 20), [2.0, 1.0, 2.0]);
    assert_eq!(found.joint(1, 1, 21), [0.0; 3], "no hand, no tip");
    assert_eq!(found.joint(1, 1, 23), [11.0, 1.0, 2.0]);
    let short = Sequence::zeros(1, 1, 19);
    let message = way.sequence(short.view()).expect_err("19").to_string();
    assert_eq!(message, "joints: layout \"kinect20\" has 20, found 19");
}

#[test]
fn each_way_of_a_stream_is_told_once() {
    let mut ways = Ways::onto(&Layout::ntu25());
    for layout in [None, Some("ntu25"), Some("kinect20"), Some("azure32")] {
        ways.from(layout).expect("a way");
        ways.from(layout).expect("again");
    }
    assert!(ways.from(Some("coco17")).is_err());
    let expected = [
        "kinect20 is brought onto ntu25; without a source and put where they are likely: \
         left hand tip, left thumb, right hand tip, right thumb",
        "azure32 is brought onto ntu25",
    ];
    assert_eq!(ways.news(), expected);
    assert!(ways.news().is_empty());
}

#[test]
fn a_models_own_layout_needs_not_be_built_in() {
    let own = Layout {
        name: "mine".into(),
        ..Layout::ntu25()
    };
    let body = ladder("ntu25");
    // The same joints under another name, and its own name.
    for from in ["ntu25", "mine"] {
        let way = Way::find(from, &own).expect("a way");
        assert_eq!(way.joints(&body).expect("25"), body);
        assert_eq!(way.note(), None);
    }
    let refused = Way::find("azure32", &own)
        .expect_err("no table")
        .to_string();
    assert!(refused.ends_with("expected mine"), "{refused}");
}

#[test]
fn no_way_says_what_would_do() {
    let refused = |from: &str, onto: &str| {
        let onto = Layout::by_name(onto).expect("known");
        Way::find(from, &onto).expect_err("no way").to_string()
    };
    assert_eq!(
        refused("coco17", "ntu25"),
        "layout: \"coco17\" has no known way onto \"ntu25\", it has no depth; expected ntu25, \
         kinect20, mediapipe33, azure32, nvidia34"
    );
    assert_eq!(
        refused("ntu25", "coco17"),
        "layout: \"ntu25\" has no known way onto \"coco17\"; expected coco17, body25"
    );
    assert_eq!(
        refused(&"halpe".repeat(100), "coco17"),
        format!(
            "layout: \"{}halp\" is unknown; expected coco17, body25",
            "halpe".repeat(12)
        )
    );
    let same = Way::find("coco17", &Layout::by_name("coco17").expect("known"));
    let body = ladder("coco17");
    assert_eq!(same.expect("itself").joints(&body).expect("17"), body);
}
