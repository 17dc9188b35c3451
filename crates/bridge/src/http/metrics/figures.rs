//! What the figures are, and what they are called.

use std::fmt::Error;

use lastword_core::store::Measures;
use prometheus_client::{collector::Collector, encoding::DescriptorEncoder};

use super::page::{Page, seconds};
use crate::build_id::build;

/// Everything that one scrape shows.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) up_s: f64,
    /// Whether the store takes what is new, as `/readyz` judges it.
    pub(super) store_takes: bool,
    pub(super) disk_full: bool,
    pub(super) commit_age_s: Option<f64>,
    pub(super) heartbeat_ages_s: Vec<f64>,
    pub(super) accounts: Vec<AccountFigures>,
    pub(super) alerts_unstored: u64,
    /// What only the store knows; `None` while it is out.
    pub(super) measures: Option<Measures>,
}

/// Evidence of one account.
#[derive(Debug)]
pub(super) struct AccountFigures {
    pub(super) id: String,
    pub(super) is_ready: bool,
    pub(super) received_age_s: Option<f64>,
    pub(super) delivered_age_s: Option<f64>,
}

impl Collector for Figures {
    fn encode(&self, encoder: DescriptorEncoder) -> Result<(), Error> {
        let mut page = Page(encoder);
        self.evidence(&mut page)?;
        match &self.measures {
            Some(measures) => {
                turns(&mut page, measures)?;
                deliveries(&mut page, measures)?;
                alerts(&mut page, measures)
            }
            None => Ok(()),
        }
    }
}

impl Figures {
    /// What this process knows by itself.
    fn evidence(&self, page: &mut Page<'_>) -> Result<(), Error> {
        let flag = |is: bool| Some(f64::from(u8::from(is)));
        page.info("build", "The running build", "build", build())?;
        page.gauge("uptime_seconds", "How long the bridge runs", Some(self.up_s))?;
        let is_up = self.store_takes && self.measures.is_some();
        page.gauge("store_up", "Whether the store answers and takes what is new", flag(is_up))?;
        page.gauge(
            "disk_full",
            "Whether the store's disk is full, so that nothing new is taken",
            flag(self.disk_full),
        )?;
        page.gauge("store_commit_age_seconds", "Age of the bridge's last commit", self.commit_age_s)?;
        page.gauge("workers", "Workers that were seen lately", Some(count(self.heartbeat_ages_s.len() as u64)))?;
        let youngest = self.heartbeat_ages_s.iter().copied().reduce(f64::min);
        page.gauge("worker_heartbeat_age_seconds", "Age of the newest heartbeat of a worker", youngest)?;
        let by_account = |value: fn(&AccountFigures) -> Option<f64>| {
            self.accounts.iter().map(move |account| (account.id.as_str(), value(account)))
        };
        page.gauges(
            "account_ready",
            "Whether the account's link stands, by evidence",
            "account",
            by_account(|account| Some(f64::from(u8::from(account.is_ready)))),
        )?;
        page.gauges(
            "account_received_age_seconds",
            "Age of the last successful round with the account's network",
            "account",
            by_account(|account| account.received_age_s),
        )?;
        page.gauges(
            "account_delivered_age_seconds",
            "Age of the last delivery that the account's network confirmed",
            "account",
            by_account(|account| account.delivered_age_s),
        )?;
        page.gauge("alerts_unstored", "Alerts that wait for the store", Some(count(self.alerts_unstored)))
    }
}

fn turns(page: &mut Page<'_>, measures: &Measures) -> Result<(), Error> {
    let counts = &measures.counts;
    page.counter("turns_accepted", "Turns ever accepted", counts.accepted)?;
    let ended = [
        ("replied", counts.replied),
        ("errored", counts.errored),
        ("stopped", counts.stopped),
        ("merged", counts.merged),
    ];
    page.counters("turns_ended", "Turns that have their last word, by how", "how", ended)?;
    let pending = [("queued", Some(count(counts.queued))), ("running", Some(count(counts.running)))];
    page.gauges("turns_pending", "Turns that owe their last word", "state", pending)?;
    page.counters("errors", "Last words that were errors, by reason", "reason", each(&measures.errors))?;
    page.counters("updates_dropped", "Updates that made no turn, by reason", "reason", each(&counts.dropped))?;
    page.gauge("queue_depth_max", "Turns that wait in the fullest place", Some(count(measures.queue_depth_max)))?;
    let age = |ms: Option<i64>| Some(seconds(ms.unwrap_or(0)));
    page.gauge("oldest_queued_age_seconds", "How long the oldest queued turn waits", age(measures.oldest_queued_ms))?;
    page.gauge("oldest_running_age_seconds", "How long the longest turn runs", age(measures.oldest_running_ms))?;
    page.histogram("turn_wait_seconds", "From accepted to claimed", &measures.waited)?;
    page.histogram("turn_run_seconds", "From claimed to the last word", &measures.ran)
}

fn deliveries(page: &mut Page<'_>, measures: &Measures) -> Result<(), Error> {
    let counts = &measures.counts;
    page.gauge("deliveries_open", "Messages on their way to a network", Some(count(counts.deliveries_open)))?;
    page.counter("deliveries_given_up", "Messages that no network will ever take", counts.deliveries_dead)?;
    page.counter(
        "replies_not_posted",
        "Messages of replies that the network refused and that an error was posted for",
        measures.replies_not_posted,
    )?;
    let accounts = || measures.accounts.iter().map(|(id, of)| (id.as_str(), of));
    let open = accounts().map(|(id, of)| (id, Some(count(of.deliveries_open))));
    page.gauges("account_deliveries_open", "Messages on their way, by account", "account", open)?;
    let depth = accounts().map(|(id, of)| (id, Some(count(of.lane_depth_max))));
    page.gauges("lane_depth_max", "Messages in the longest lane of the account", "account", depth)?;
    let oldest = accounts().map(|(id, of)| (id, Some(seconds(of.oldest_delivery_ms.unwrap_or(0)))));
    page.gauges("oldest_delivery_age_seconds", "Age of the account's oldest message on its way", "account", oldest)?;
    page.histogram("delivery_seconds", "From the last word to the network's confirmation", &measures.delivered)
}

fn alerts(page: &mut Page<'_>, measures: &Measures) -> Result<(), Error> {
    let open = measures.alerts_open.iter().map(|(code, n)| (code.as_str(), Some(count(*n))));
    page.gauges("alerts_open", "Open alerts, by code", "code", open)?;
    page.counters("alerts_raised", "Alerts ever raised, by code", "code", each(&measures.alerts_raised))?;
    page.counters("restarts", "Starts of a child after its death, by role", "role", each(&measures.restarts))
}

fn each(counts: &std::collections::BTreeMap<String, u64>) -> impl Iterator<Item = (&str, u64)> {
    counts.iter().map(|(name, n)| (name.as_str(), *n))
}

#[expect(clippy::cast_precision_loss, reason = "a figure for monitors")]
fn count(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use lastword_core::store::{AccountMeasures, Counts};
    use prometheus_client::{encoding::text, registry::Registry};

    use super::*;

    fn page(measures: Option<Measures>) -> String {
        let account =
            AccountFigures { id: "net".into(), is_ready: true, received_age_s: Some(0.5), delivered_age_s: None };
        let figures = Figures {
            up_s: 12.0,
            store_takes: true,
            disk_full: false,
            commit_age_s: Some(0.25),
            heartbeat_ages_s: vec![3.0, 0.5],
            accounts: vec![account],
            alerts_unstored: 0,
            measures,
        };
        let mut registry = Registry::with_prefix("lastword");
        registry.register_collector(Box::new(figures));
        let mut body = String::new();
        text::encode(&mut body, &registry).unwrap();
        body
    }

    fn figures(page: &str) -> Vec<&str> {
        page.lines().filter(|line| !line.starts_with('#')).collect()
    }

    #[test]
    fn the_terms_of_the_law_and_the_latencies_are_there() {
        let mut measures = Measures {
            counts: Counts { accepted: 3, replied: 2, running: 1, ..Counts::default() },
            accounts: [(
                lastword_core::ids::AccountId::new("net"),
                AccountMeasures { deliveries_open: 1, ..AccountMeasures::default() },
            )]
            .into(),
            ..Measures::default()
        };
        measures.errors.insert("worker_lost".into(), 4);
        measures.waited.buckets[0] = 2;
        measures.waited.buckets[16] = 1;
        measures.waited.sum_ms = 4_000_010;
        let page = page(Some(measures));
        let figures = figures(&page);
        for line in [
            "lastword_turns_accepted_total 3",
            "lastword_turns_ended_total{how=\"replied\"} 2",
            "lastword_turns_pending{state=\"running\"} 1.0",
            "lastword_errors_total{reason=\"worker_lost\"} 4",
            "lastword_account_deliveries_open{account=\"net\"} 1.0",
            "lastword_turn_wait_seconds_count 3",
            "lastword_turn_wait_seconds_sum 4000.01",
            "lastword_turn_wait_seconds_bucket{le=\"0.005\"} 2",
            "lastword_turn_wait_seconds_bucket{le=\"+Inf\"} 3",
            "lastword_store_up 1.0",
        ] {
            assert!(figures.contains(&line), "{line} is missing:\n{page}");
        }
    }

    #[test]
    fn while_the_store_is_out_the_evidence_is_still_there() {
        let page = page(None);
        insta::assert_snapshot!(figures(&page)[1..].join("\n"), @r#"
        lastword_uptime_seconds 12.0
        lastword_store_up 0.0
        lastword_disk_full 0.0
        lastword_store_commit_age_seconds 0.25
        lastword_workers 2.0
        lastword_worker_heartbeat_age_seconds 0.5
        lastword_account_ready{account="net"} 1.0
        lastword_account_received_age_seconds{account="net"} 0.5
        lastword_alerts_unstored 0.0
        "#);
        assert!(page.ends_with("# EOF\n"));
    }
}
