//! The contract of [`Store`](crate::store::Store): one function per rule, named after the situation.
//!
//! [`store_contract!`](crate::store_contract) turns them into tests of an implementation. They need no runtime of
//! their own and never sleep: time is a [`HandClock`] that the rule moves.

mod accept;
mod alert;
mod command;
mod file;
mod look;
mod order;
mod out;
mod outbox;
mod oversight;
mod pause;
mod request;
mod run;
mod world;

pub use self::{
    accept::*, alert::*, command::*, file::*, look::*, order::*, out::*, outbox::*, oversight::*, pause::*, request::*,
    run::*, world::*,
};

/// Expands to one test per rule of the store's contract. After each, an audit must find nothing.
///
/// `$factory` is called once per test with the clock that the store must use, and returns `(store, guard)`: a
/// `Box<dyn Deployment>` that nothing was stored in yet, and whatever must live as long as it does. The second argument is
/// the attribute that makes a test of an asynchronous function, `tokio::test` by default.
#[macro_export]
macro_rules! store_contract {
    ($factory:expr) => {
        $crate::store_contract!($factory, tokio::test);
    };
    ($factory:expr, $test:meta) => {
        $crate::store_contract! { @rules $factory, $test,
            a_redelivered_update_is_accepted_once,
            a_batch_is_accepted_whole_or_not_at_all,
            the_cursor_is_stored_with_its_batch,
            only_the_holder_of_the_lease_accepts,
            a_second_bridge_waits_for_the_lease,
            another_bot_does_not_inherit_the_cursor,
            busy_is_an_answer,
            hints_are_at_most_hourly,
            a_dropped_update_keeps_its_reason,
            an_answer_needs_no_worker,
            two_workers_never_run_two_turns_of_one_place,
            turns_of_a_place_run_in_order,
            only_the_current_attempt_can_elect,
            a_sweep_does_not_end_a_turn_that_moved,
            a_requeued_turn_hears_no_word_on_its_lost_attempt,
            a_queued_turn_may_only_fail,
            a_late_attempt_is_told_to_stop,
            a_late_attempt_reports_nothing_of_the_next,
            a_lost_worker_errs_or_replays_as_its_turn_says,
            a_claim_that_never_started_its_agent_runs_again,
            progress_without_a_group_is_a_start,
            held_replays_wait_for_their_groups,
            a_lost_worker_is_decided_in_pieces,
            who_was_decided_as_lost_learns_it_from_its_next_beat,
            an_unregistered_worker_claims_nothing,
            collected_turns_are_answered_by_their_lead,
            collecting_ends_with_the_session,
            collecting_ends_before_a_prompt_is_too_long,
            a_replayed_lead_keeps_its_prompts,
            stop_speaks_for_the_running_turn_once,
            a_new_session_begins_with_the_next_message,
            retry_asks_the_last_prompt_again,
            retry_repeats_only_what_the_same_person_asked,
            retry_waits_in_the_same_queue,
            a_status_tells_what_runs_and_waits,
            a_restart_names_who_lives,
            a_restart_stands_in_no_queue,
            a_restart_is_answered_once,
            a_restart_may_fail,
            an_update_says_how_far_it_is,
            a_pause_lets_nothing_begin,
            a_pause_outlives_every_process,
            a_pause_moves_no_deadline_of_the_queue,
            who_asks_during_a_pause_is_told_once,
            a_pause_is_an_alert_and_in_the_status,
            forgetting_erases_why_it_is_paused,
            what_was_given_up_is_sent_again_under_its_key,
            what_was_in_doubt_when_it_was_given_up_stays_in_doubt,
            a_doubt_that_was_over_is_one_again_when_an_admin_retries,
            what_is_held_is_sent_again_when_an_admin_says_so,
            what_waits_is_due_when_an_admin_says_so,
            what_waits_is_dropped_and_its_lane_goes_on,
            forgetting_erases_why_it_was_dropped,
            nobody_touches_another_accounts_deliveries,
            what_was_erased_is_never_sent_again,
            replies_leave_in_the_order_of_their_turns,
            parts_leave_in_order_behind_the_placeholder,
            an_unposted_placeholder_is_superseded,
            a_posted_placeholder_is_the_terminals_target,
            commands_overtake_the_lane,
            a_stolen_delivery_is_ambiguous,
            a_late_settlement_changes_nothing,
            only_the_holder_of_the_lease_sends,
            a_deferred_delivery_waits_and_holds_its_lane,
            a_clock_set_back_holds_up_no_delivery,
            a_clock_set_back_ends_every_pause,
            a_stolen_delivery_waits_for_no_pause,
            a_doubt_begins_again_when_the_clock_was_set_back,
            an_assertion_waits_anew_when_the_clock_was_set_back,
            a_pause_is_cut_to_the_longest,
            a_paused_conversation_holds_only_its_own_lanes,
            a_paused_account_holds_everything_of_it,
            a_reshaped_delivery_goes_on_in_another_way,
            a_dead_delivery_frees_its_lane,
            a_placeholder_that_is_not_needed_frees_its_lane,
            a_taken_over_terminal_is_asserted_once_more,
            a_notice_follows_a_last_word_once,
            no_notice_follows_what_notifies_by_itself,
            keys_are_short_and_never_repeat,
            a_stream_ends_with_the_last_word,
            a_reset_follows_a_new_attempt,
            history_is_newest_last,
            what_is_owed_is_running_or_next,
            commits_wake_their_topics,
            counts_conserve,
            a_turn_waits_for_its_files,
            files_are_wanted_by_the_holder_of_the_account,
            a_lead_brings_the_files_of_what_it_collected,
            retry_brings_the_files_again,
            files_leave_behind_the_text_of_their_answer,
            forgetting_erases_what_files_were_called,
            an_alert_is_one_record_while_it_is_open,
            what_is_given_up_is_an_alert,
            a_reply_that_is_replaced_is_an_alert_and_counted,
            what_is_held_is_an_alert_until_it_ends,
            an_assertion_that_is_given_up_is_an_alert,
            admins_are_told_of_alerts_together_and_not_too_often,
            admins_are_told_where_nobody_has_spoken_yet,
            admins_say_how_much_they_are_told,
            a_webhook_hears_of_every_alert_and_of_its_end,
            a_trace_tells_a_message_from_its_arrival_to_its_delivery,
            a_trace_tells_what_went_wrong,
            a_refused_updates_trace_says_why,
            a_trace_stays_short_however_long_the_trouble,
            an_audit_knows_how_much_it_examined,
            figures_tell_what_waits_and_how_long_it_took,
            starts_after_a_death_are_counted,
            old_messages_are_emptied_and_old_turns_removed,
            what_is_owed_or_on_its_way_is_never_pruned,
            pruning_goes_on_where_it_stopped,
            a_lead_and_what_it_collected_go_together,
            nothing_is_retried_that_was_erased,
            a_forgotten_person_is_nowhere,
            forgetting_erases_what_alerts_quote,
            forgetting_leaves_what_is_owed,
            a_session_with_removed_turns_is_nobodys,
            forgetting_erases_the_lead_that_collected_it,
            sessions_are_idle_when_nothing_is_owed_in_their_place,
        }
    };
    (@rules $factory:expr, $test:meta, $($rule:ident),+ $(,)?) => {$(
        #[$test]
        async fn $rule() {
            let world = $crate::contract::store::World::new($factory).await;
            $crate::contract::store::$rule(&world).await;
            world.is_sound().await;
        }
    )+};
}
