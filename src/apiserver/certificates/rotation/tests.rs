use Ability::{Able, Ending as IssuerEnding, Unable};
use Fitness::{Ending, Good, LastDay, NotYet, Unfit};
use Step::{Announce, Found, Issue, Retire};

use super::*;

const OVERLAP: Duration = Duration::from_hours(1);
const BEGUN: Duration = Duration::ZERO;

fn settled(pair: Fitness, issuer: Ability) -> State {
    State { pair, issuer, is_issuers: true, has_others: false, is_asked: false }
}

fn announced(pair: Fitness) -> State {
    State { is_issuers: false, has_others: true, ..settled(pair, Able) }
}

fn retiring(pair: Fitness) -> State {
    State { has_others: true, ..settled(pair, Able) }
}

fn retiring_to(pair: Fitness, issuer: Ability) -> State {
    State { issuer, ..retiring(pair) }
}

fn asked(state: State) -> State {
    State { is_asked: true, ..state }
}

#[test]
fn what_is_settled_changes_only_when_something_ends_or_is_asked_for() {
    for (state, step) in [
        (settled(Good, Able), None),
        (settled(Good, Unable), None),
        (settled(Ending, Able), Some(Issue)),
        (settled(LastDay, Able), Some(Issue)),
        (settled(Good, IssuerEnding), Some(Announce)),
        (settled(Ending, IssuerEnding), Some(Announce)),
        (settled(Ending, Unable), Some(Announce)),
        (settled(LastDay, Unable), Some(Announce)),
        (asked(settled(Good, Able)), Some(Announce)),
        (asked(settled(Good, Unable)), Some(Announce)),
    ] {
        for held in [BEGUN, OVERLAP * 100] {
            assert_eq!(state.next(held, OVERLAP), step, "{state:?}");
        }
    }
}

#[test]
fn an_exchange_waits_out_each_overlap() {
    for (state, step) in [(announced(Good), Issue), (announced(Ending), Issue), (retiring(Good), Retire)] {
        for held in [BEGUN, OVERLAP * 99 / 100] {
            assert_eq!(state.next(held, OVERLAP), None, "{state:?}");
            assert_eq!(asked(state).next(held, OVERLAP), None, "one exchange at a time: {state:?}");
        }
        assert_eq!(state.next(OVERLAP, OVERLAP), Some(step), "{state:?}");
    }
}

#[test]
fn nothing_is_waited_for_on_the_last_day() {
    assert_eq!(announced(LastDay).next(BEGUN, OVERLAP), Some(Issue));
    assert_eq!(retiring(LastDay).next(BEGUN, OVERLAP), Some(Issue));
    assert_eq!(retiring(Ending).next(OVERLAP, OVERLAP), Some(Issue), "whoever retires, the pair comes first");
}

#[test]
fn an_issuer_that_ends_as_soon_as_its_pair_makes_no_other() {
    for pair in [Ending, LastDay] {
        assert_eq!(retiring_to(pair, IssuerEnding).next(BEGUN, OVERLAP), Some(Announce), "{pair:?}");
    }
    assert_eq!(retiring_to(Good, IssuerEnding).next(BEGUN, OVERLAP), None);
    assert_eq!(retiring_to(Good, IssuerEnding).next(OVERLAP, OVERLAP), Some(Retire));
}

#[test]
fn what_cannot_be_served_is_made_anew_by_the_issuer_if_there_is_one() {
    for state in [settled(Unfit, Able), settled(Unfit, IssuerEnding), announced(Unfit), retiring(Unfit)] {
        assert_eq!(state.next(BEGUN, OVERLAP), Some(Issue), "{state:?}");
    }
    assert_eq!(settled(Unfit, Unable).next(BEGUN, OVERLAP), Some(Found));
}

#[test]
fn what_is_not_good_yet_is_never_replaced() {
    for issuer in [Able, IssuerEnding, Unable] {
        assert_eq!(asked(settled(NotYet, issuer)).next(OVERLAP, OVERLAP), None);
    }
}

#[test]
fn authorities_whose_keys_nobody_has_take_over_from_nobody() {
    let operators = State { is_issuers: false, has_others: true, ..settled(Good, Unable) };
    assert_eq!((operators.phase(), operators.next(OVERLAP, OVERLAP)), (Phase::Settled, None));
}

/// Each step leads on: from any state, whatever follows from it comes to rest, and at no moment is a
/// pair served that was not announced, unless nothing could be served.
#[test]
fn every_way_comes_to_rest() {
    for pair in [Good, Ending, LastDay, NotYet, Unfit] {
        for issuer in [Able, IssuerEnding, Unable] {
            for flags in 0..8 {
                let bit = |at: u8| flags & (1 << at) != 0;
                let mut state = State { pair, issuer, is_issuers: bit(0), has_others: bit(1), is_asked: bit(2) };
                let mut steps = Vec::new();
                while let Some(step) = state.next(OVERLAP, OVERLAP) {
                    state = after(step, state);
                    steps.push(step);
                    assert!(steps.len() <= 6, "{pair:?} {issuer:?} {flags:03b}: {steps:?}");
                }
                assert!(state.pair == NotYet || state.phase() == Phase::Settled, "{steps:?} end in {state:?}");
            }
        }
    }
}

/// What the next look finds, if all goes well.
fn after(step: Step, state: State) -> State {
    match step {
        // A pair does not outlive its issuer.
        Issue if state.issuer == IssuerEnding => State { pair: Ending, is_issuers: true, ..state },
        Issue => State { pair: Good, is_issuers: true, ..state },
        Announce => State { issuer: Able, is_issuers: false, has_others: true, is_asked: false, ..state },
        Retire => State { has_others: false, ..state },
        Found => State { pair: Good, issuer: Able, is_issuers: true, is_asked: false, ..state },
    }
}

#[tokio::test(start_paused = true)]
async fn a_vigil_begins_anew_with_each_change_and_interruption() {
    let second = Duration::from_secs(1);
    let mut vigil = Vigil::default();
    assert_eq!(vigil.see("a"), Duration::ZERO);
    tokio::time::advance(second).await;
    assert_eq!(vigil.see("a"), second);
    assert_eq!(vigil.see("b"), Duration::ZERO);
    tokio::time::advance(second).await;
    vigil.interrupt();
    assert_eq!(vigil.see("b"), Duration::ZERO);
}
