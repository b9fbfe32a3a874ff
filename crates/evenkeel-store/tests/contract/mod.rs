//! What every store promises, whatever it is made of: the port's words as tests.

pub(crate) mod approvals;
pub(crate) mod audit;
pub(crate) mod history;
pub(crate) mod sample;
pub(crate) mod status;
pub(crate) mod writing;

/// Makes a test of every promise. `$store` is an expression that gives an empty store, and what must outlive it.
macro_rules! keeps_its_promises {
    ($name:ident, $store:expr) => {
        mod $name {
            use super::*;
            $crate::contract::promises!($store; writing:
                one_holder_at_a_time_has_the_right_to_write,
                a_right_that_is_given_up_can_be_taken_at_once,
                who_lost_the_right_writes_nothing,
                a_batch_is_written_whole_or_not_at_all,
                writes_at_the_same_time_do_not_disturb_each_other,
                how_far_a_notifier_is_is_written_by_who_had_the_right_last,
            );
            $crate::contract::promises!($store; status:
                sources_are_given_by_name_as_they_were_last_written,
                every_verdict_about_a_source_comes_back,
                the_snapshot_in_force_is_kept_whole_and_goes_with_its_source,
                resources_are_given_by_key_as_they_were_last_written,
                the_inventory_is_given_by_key_and_source,
                what_a_batch_removes_and_writes_is_there_afterwards,
            );
            $crate::contract::promises!($store; audit:
                a_command_is_in_the_audit_log_with_all_that_says_why,
                a_batch_adds_to_the_audit_log_whole_or_not_at_all,
                the_audit_log_is_never_forgotten,
                entries_are_found_by_what_they_are_about,
            );
            $crate::contract::promises!($store; approvals:
                what_waits_is_given_before_what_is_over,
                what_was_never_decided_is_forgotten_when_it_is_over,
                old_decisions_are_forgotten_but_not_what_still_counts,
                who_lost_the_right_decides_nothing,
            );
            $crate::contract::promises!($store; history:
                a_run_is_there_from_its_beginning_with_its_journal,
                runs_are_given_newest_first_page_by_page,
                events_are_numbered_and_given_in_order,
                a_thousand_events_are_given_where_nobody_says_how_many,
                the_state_at_any_time_can_be_asked_for,
                old_runs_and_events_are_forgotten,
                old_observations_are_forgotten_but_not_what_still_answers_a_question,
                of_what_is_gone_history_is_kept_as_long_as_any,
                thousands_of_observations_are_forgotten,
            );
        }
    };
}

macro_rules! promises {
    ($store:expr; $module:ident: $($promise:ident,)*) => {
        $(#[tokio::test]
        async fn $promise() {
            let (store, _folder) = $store;
            $crate::contract::$module::$promise(&store).await;
        })*
    };
}

pub(crate) use {keeps_its_promises, promises};
