use super::*;

fn kinds(steps: &[Step]) -> Vec<(Kind, Option<usize>, f64)> {
    steps.iter().map(|s| (s.kind, s.action, s.since)).collect()
}

#[test]
fn a_segment_starts_goes_on_and_ends() {
    let rules = Rules::plain(0.0, 0.6, 2);
    let mut decider = Decider::default();
    assert_eq!(decider.end(), None);
    let steps = decider.decide(&rules, 1.0, &[0.1, 0.9]);
    assert_eq!(kinds(&steps), [(Kind::Start, Some(1), 1.0)]);
    assert!((steps[0].confidence - 0.9).abs() < 1e-6);
    let steps = decider.decide(&rules, 1.2, &[0.2, 0.8]);
    assert_eq!(kinds(&steps), [(Kind::Update, Some(1), 1.0)]);
    let steps = decider.decide(&rules, 1.4, &[0.5, 0.5]);
    let expected = [(Kind::End, Some(1), 1.0), (Kind::Start, None, 1.4)];
    assert_eq!(kinds(&steps), expected);
    let end = decider.end().expect("a segment");
    assert_eq!(kinds(&[end]), [(Kind::End, None, 1.4)]);
    assert_eq!(decider.end(), None);
}

#[test]
fn one_odd_window_is_smoothed_away() {
    let rules = Rules::plain(1.0, 0.0, 2);
    let mut decider = Decider::default();
    for j in 0..20 {
        let p = if j == 10 { [0.0, 1.0] } else { [0.9, 0.1] };
        let steps = decider.decide(&rules, f64::from(j) * 0.2, &p);
        assert!(j == 0 || steps[0].kind == Kind::Update, "window {j}");
    }
}

#[test]
fn smoothing_is_in_seconds_and_not_in_windows() {
    let rules = Rules::plain(0.5, 0.0, 2);
    let after = |hop: f64| {
        let mut decider = Decider::default();
        decider.decide(&rules, 0.0, &[1.0, 0.0]);
        let windows = (1.0 / hop).round() as i32;
        (1..=windows)
            .map(|j| decider.decide(&rules, f64::from(j) * hop, &[0.0, 1.0]))
            .last()
            .expect("windows")[0]
            .confidence
    };
    // 1 − e^(−1 s / 0.5 s)
    for hop in [0.05, 0.1, 0.5] {
        assert!((after(hop) - 0.864_664_7).abs() < 1e-6, "{hop}");
    }
}

#[test]
fn probabilities_that_are_no_numbers_decide_nothing() {
    let rules = Rules::plain(0.5, 0.0, 2);
    let mut decider = Decider::default();
    assert!(decider.decide(&rules, 0.0, &[f32::NAN, 0.5]).is_empty());
    assert!(decider.decide(&rules, 0.0, &[]).is_empty());
    assert_eq!(
        decider.decide(&rules, 0.1, &[0.0, 1.0])[0].kind,
        Kind::Start
    );
}

/// What is said from window to window, a tenth of a second apart.
fn said(rules: &Rules, windows: &[[f32; 2]]) -> Vec<Option<usize>> {
    let mut decider = Decider::default();
    let step = |(j, p): (usize, &[f32; 2])| {
        let steps = decider.decide(rules, j as f64 / 10.0, p);
        steps.last().expect("a step").action
    };
    windows.iter().enumerate().map(step).collect()
}

fn rules(change: impl Fn(&mut Rule)) -> Rules {
    let mut rules = Rules::plain(0.0, 0.6, 2);
    rules.actions.iter_mut().for_each(change);
    rules
}

#[test]
fn an_action_goes_on_below_what_it_needed_to_begin() {
    let windows = [[0.0, 0.5], [0.0, 0.7], [0.3, 0.45], [0.2, 0.3], [0.0, 0.5]];
    let found = said(&rules(|rule| rule.stay = 0.4), &windows);
    assert_eq!(found, [None, Some(1), Some(1), None, None]);
    // What is surely begun ends what might go on.
    let found = said(&rules(|rule| rule.stay = 0.1), &[[0.1, 0.9], [0.7, 0.3]]);
    assert_eq!(found, [Some(1), Some(0)]);
}

#[test]
fn an_action_is_said_once_it_has_held_for_its_shortest_length() {
    let windows = [
        [0.1, 0.9],
        [0.9, 0.1],
        [0.1, 0.9],
        [0.1, 0.9],
        [0.1, 0.9],
        [0.9, 0.1],
    ];
    let found = said(&rules(|rule| rule.shortest = 0.2), &windows);
    assert_eq!(found, [None, None, None, None, Some(1), None]);
}

#[test]
fn a_gap_shorter_than_unknown_asks_for_is_bridged() {
    let mut rules = rules(|_| ());
    rules.unknown = 0.15;
    let (sure, not) = ([0.1, 0.9], [0.5, 0.5]);
    let found = said(&rules, &[sure, not, not, sure, not, not, not, not]);
    let one = Some(1);
    assert_eq!(found, [one, one, one, one, one, one, None, None]);
}

#[test]
fn an_action_that_ended_cools_down_and_another_need_not_wait() {
    let (one, two, none) = ([0.1, 0.9], [0.9, 0.1], [0.5, 0.5]);
    let found = said(
        &rules(|rule| rule.cool_down = 0.25),
        &[one, none, one, two, one, one],
    );
    assert_eq!(found, [Some(1), None, None, Some(0), Some(1), Some(1)]);
}

#[test]
fn an_ignored_class_is_never_said_and_not_replaced_by_the_next_best() {
    let mut rules = rules(|_| ());
    rules.actions[1].ignored = true;
    let mut decider = Decider::default();
    let step = &decider.decide(&rules, 0.0, &[0.1, 0.9])[0];
    assert_eq!((step.action, step.top.len()), (None, 1));
    assert!((step.confidence - 0.1).abs() < 1e-6);
    let step = &decider.decide(&rules, 0.1, &[0.8, 0.2])[1];
    assert_eq!(step.action, Some(0));
}

#[test]
fn rules_that_change_apply_to_the_open_segment() {
    let mut decider = Decider::default();
    decider.decide(&rules(|_| ()), 0.0, &[0.1, 0.9]);
    let strict = rules(|rule| (rule.start, rule.stay) = (0.95, 0.95));
    let steps = decider.decide(&strict, 0.1, &[0.1, 0.9]);
    let expected = [(Kind::End, Some(1), 0.0), (Kind::Start, None, 0.1)];
    assert_eq!(kinds(&steps), expected);
    assert!(decider.decide(&strict, 0.2, &[1.0]).is_empty());
}
