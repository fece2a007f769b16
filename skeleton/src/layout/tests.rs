use super::*;

#[test]
fn ntu25_is_whole() {
    let layout = Layout::ntu25();
    layout.check().expect("consistent");
    assert_eq!(layout.len(), 25);
    // The order of the released spatial flip.
    let released = [
        0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 16, 17, 18, 19, 12, 13, 14, 15, 20, 23, 24, 21, 22,
    ];
    assert_eq!(layout.mirror(), released);
}

#[test]
fn ntu25_is_written_as_cards_have_it() {
    let card = r#"{"name":"ntu25","joints":["spine base","spine mid","neck","head","left shoulder","left elbow","left wrist","left hand","right shoulder","right elbow","right wrist","right hand","left hip","left knee","left ankle","left foot","right hip","right knee","right ankle","right foot","spine shoulder","left hand tip","left thumb","right hand tip","right thumb"],"edges":[[0,1],[1,20],[2,20],[3,2],[4,20],[5,4],[6,5],[7,6],[8,20],[9,8],[10,9],[11,10],[12,0],[13,12],[14,13],[15,14],[16,0],[17,16],[18,17],[19,18],[21,22],[22,7],[23,24],[24,11]],"centre":20,"swap":[[4,8],[5,9],[6,10],[7,11],[12,16],[13,17],[14,18],[15,19],[21,23],[22,24]],"turn":[4,8],"torso":[0,20]}"#;
    let written = serde_json::to_string(&Layout::ntu25()).expect("JSON");
    assert_eq!(written, card);
    let read: Layout = serde_json::from_str(card).expect("a layout");
    assert_eq!(read, Layout::ntu25());
    let older = card.replace(r#","torso":[0,20]"#, "");
    let read: Layout = serde_json::from_str(&older).expect("a layout");
    assert_eq!(read, Layout::ntu25());
}

#[test]
fn every_layout_is_a_tree_whose_root_is_the_centre() {
    for name in names() {
        let layout = Layout::by_name(name).expect("known");
        layout.check().expect(name);
        assert_eq!(layout.edges.len(), layout.len() - 1, "{name}");
        let parents = layout.parents();
        for start in 0..layout.len() {
            let mut joint = start;
            for _ in 0..layout.len() {
                joint = parents[joint];
            }
            let start = &layout.joints[start];
            assert_eq!(joint, layout.centre, "{name}: {start} hangs elsewhere");
        }
    }
}

#[test]
fn names_are_unique_and_sides_are_swapped() {
    for name in names() {
        let layout = Layout::by_name(name).expect("known");
        for (v, joint) in layout.joints.iter().enumerate() {
            assert_eq!(layout.joint(joint), Some(v), "{name}: {joint} occurs twice");
        }
        let other = |joint: &str| match joint.split_once(' ') {
            Some(("left", rest)) => format!("right {rest}"),
            Some(("right", rest)) => format!("left {rest}"),
            _ => joint.to_string(),
        };
        for (v, mirrored) in layout.mirror().into_iter().enumerate() {
            let (joint, found) = (&layout.joints[v], &layout.joints[mirrored]);
            assert_eq!(found, &other(joint), "{name}");
        }
        for &(left, _) in layout.swap.iter().chain([&layout.turn]) {
            assert!(layout.joints[left].starts_with("left "), "{name}: {left}");
        }
        assert_eq!(layout.joints[layout.turn.0], "left shoulder", "{name}");
        assert_eq!(layout.joints[layout.turn.1], "right shoulder", "{name}");
    }
}

#[test]
fn joint_counts_are_those_of_their_names() {
    for name in names() {
        let digits: String = name.chars().rev().take(2).collect();
        let count: String = digits.chars().rev().collect();
        let layout = Layout::by_name(name).expect("known");
        assert_eq!(layout.len().to_string(), count, "{name}");
    }
}

#[test]
fn a_3d_layout_says_how_its_source_measures_and_a_2d_one_does_not() {
    for name in names() {
        let definition = definition(name).expect("known");
        assert_eq!(
            definition.raw.is_none(),
            definition.layout.is_2d(),
            "{name}"
        );
        let expected = match name {
            "coco17" | "body25" => ("pixel", 2),
            _ => ("metre", 3),
        };
        let layout = &definition.layout;
        assert_eq!((layout.units(), layout.dimensions), expected, "{name}");
    }
    let azure = definition("azure32").expect("known").raw.as_ref();
    let there = azure.expect("3D").to_house([100.0, -200.0, 3000.0]);
    assert_eq!(there, [-0.1, 0.2, 3.0]);
}

#[test]
fn a_torso_between_middles_comes_back() {
    let layout = Layout::by_name("coco17").expect("known");
    assert_eq!(layout.torso, (Point::Middle(11, 12), Point::Middle(5, 6)));
    let json = serde_json::to_string(&layout).expect("JSON");
    assert!(
        json.ends_with(r#""torso":[[11,12],[5,6]],"dimensions":2}"#),
        "{json}"
    );
    let read: Layout = serde_json::from_str(&json).expect("a layout");
    assert_eq!(read, layout);
}

#[test]
fn an_unknown_layout_names_the_known() {
    let message = Layout::by_name("ntu24").expect_err("unknown").to_string();
    for part in ["ntu24", "ntu25", "nvidia34"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn what_lies_outside_is_refused() {
    type Change = fn(&mut Layout);
    let broken: [(Change, &str); 5] = [
        (|l| l.edges.push((3, 25)), "pair (3, 25)"),
        (|l| l.swap.push((99, 0)), "pair (99, 0)"),
        (|l| l.torso.1 = Point::Middle(4, 77), "pair (4, 77)"),
        (|l| l.centre = 25, "centre 25"),
        (|l| l.dimensions = 4, "expected 2 or 3, found 4"),
    ];
    for (change, expected) in broken {
        let mut layout = Layout::ntu25();
        change(&mut layout);
        let message = layout.check().expect_err(expected).to_string();
        assert!(message.contains(expected), "{message}");
    }
}
