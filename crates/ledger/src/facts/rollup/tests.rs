use super::*;
use crate::facts::testing::{exchange, refusal};

#[test]
fn a_name_that_is_no_model_makes_no_row() {
    let mut out = GroupOut::default();
    fold(&refusal(1, 0, "made up", Reason::ModelNotFound), &mut out);
    let mut days = out.totals().filter(|(of, _, _)| *of == DAYS);
    let (_, key, sums) = days.next().unwrap();
    assert_eq!(read_key(key), Some((20_417, "")));
    assert_eq!(Tally::read(sums), Tally::refusals(1));
    assert!(days.next().is_none());
}

#[test]
fn an_upstreams_failure_is_an_error_and_a_clients_is_none() {
    let tally = |status| match exchange(1, 0, "m", status) {
        Fact::Exchange(exchange) => Tally::of(&exchange),
        _ => Tally::default(),
    };
    assert_eq!(
        (tally(200).errors, tally(404).errors, tally(502).errors),
        (0, 0, 1)
    );
    assert_eq!(tally(404).requests, 1);
}
