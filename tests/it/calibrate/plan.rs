//! Plans of points: what they cover, and that they can be executed.

use foretoken::calibrate::{Extent, Plan, Point, Turn};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn extent(slots: u32, context: u32, step_tokens: u32, whole_prompts: bool) -> Extent {
    Extent { slots, context, step_tokens, whole_prompts }
}

fn rows(point: &Point) -> u32 {
    point.decode.iter().map(|g| g.rows).sum()
}

proptest! {
    #[test]
    fn every_point_fits_in_the_room_and_comes_once(
        slots in 1u32..40, context in 16u32..3000, step_tokens in 1u32..5000, whole in any::<bool>(), seed: u64,
    ) {
        let extent = extent(slots, context, step_tokens, whole);
        let plan = Plan::new(&extent, seed).unwrap();
        prop_assert_eq!(plan.points.iter().collect::<BTreeSet<_>>().len(), plan.points.len());
        for point in &plan.points {
            prop_assert!(point.requests() > 0 && point.requests() <= slots as usize, "{:?}", point);
            let tokens: u32 = point.prefill.iter().map(|p| p.new).sum();
            prop_assert!(tokens <= step_tokens.max(point.prefill.len() as u32), "{:?}", point);
            for part in &point.prefill {
                prop_assert!(part.new >= 1 && part.new + part.context <= context, "{:?}", point);
                prop_assert!(!whole || part.context == 0, "{:?}", point);
            }
            for group in &point.decode {
                prop_assert!((4..=context).contains(&group.context), "{:?}", point);
            }
            prop_assert_eq!(&Point::parse(&point.prefill_text(), &point.decode_text()).unwrap(), point);
        }
        for round in 0..3 {
            let mut order = plan.order(Turn { pass: 1, round });
            order.sort_unstable();
            prop_assert!(order.into_iter().eq(0..plan.points.len()));
        }
    }
}

#[test]
fn a_plan_covers_what_a_server_does() {
    let plan = Plan::new(&extent(16, 1024, 2048, false), 7).unwrap();
    let count = |f: &dyn Fn(&Point) -> bool| plan.points.iter().filter(|p| f(p)).count();
    assert!((100..=160).contains(&plan.points.len()), "{}", plan.points.len());
    for batch in [1, 2, 3, 4, 6, 8, 12, 16] {
        let uniform = count(&|p| p.prefill.is_empty() && p.decode.len() == 1 && rows(p) == batch);
        assert!(uniform >= 5, "batch {batch}: {uniform}");
    }
    assert_eq!(count(&|p| *p == Point::prefill(1024, 0) || *p == Point::decode(1024, 16)), 2);
    assert!(count(&|p| p.decode.is_empty() && p.prefill.iter().any(|c| c.context > 0)) >= 4);
    assert!(count(&|p| p.decode.is_empty() && p.prefill.len() > 1) >= 4);
    let mixed = count(&|p| !p.prefill.is_empty() && !p.decode.is_empty());
    assert!(mixed >= plan.points.len() / 4, "{mixed}");
    let contexts = count(&|p| p.decode.len() > 1);
    assert!(contexts >= plan.points.len() / 4, "{contexts}");
}

#[test]
fn seeds_decide_and_passes_differ() {
    let extent = extent(8, 512, 512, false);
    let [a, b, c] = [1, 1, 2].map(|seed| Plan::new(&extent, seed).unwrap());
    assert_eq!(a, b);
    assert_ne!(a.points, c.points);
    let turns = [(1, 1), (1, 2), (2, 1)].map(|(pass, round)| Turn { pass, round });
    for (x, y) in [(0, 1), (0, 2), (1, 2)] {
        assert_ne!(a.order(turns[x]), a.order(turns[y]));
        assert_ne!(a.seats(turns[x], 0), a.seats(turns[y], 0));
    }
}

#[test]
fn room_for_nothing_is_refused() {
    for extent in [extent(0, 64, 64, false), extent(1, 15, 64, false), extent(1, 64, 0, true)] {
        let error = Plan::new(&extent, 1).unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }
}
