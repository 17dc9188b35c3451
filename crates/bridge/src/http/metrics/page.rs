//! Writing families of figures, each with its help and type.

use std::fmt::Error;

use lastword_core::store::{Histogram, LATENCY_BOUNDS_MS};
use prometheus_client::{
    encoding::{DescriptorEncoder, NoLabelSet},
    metrics::MetricType,
};

/// The labels of one figure.
type Labels<'a> = Vec<(&'static str, &'a str)>;

/// A page that is being written.
pub(super) struct Page<'a>(pub(super) DescriptorEncoder<'a>);

impl Page<'_> {
    /// Something that only grows.
    pub(super) fn counter(&mut self, name: &str, help: &str, value: u64) -> Result<(), Error> {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        family.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    /// The same, once per value of a label.
    pub(super) fn counters<'v>(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: impl IntoIterator<Item = (&'v str, u64)>,
    ) -> Result<(), Error> {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (value, count) in values {
            let labels: Labels<'_> = vec![(label, value)];
            family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        Ok(())
    }

    /// Something that goes up and down; nothing where there is no value.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: Option<f64>) -> Result<(), Error> {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        value.map_or(Ok(()), |value| family.encode_gauge(&value))
    }

    /// The same, once per value of a label.
    pub(super) fn gauges<'v>(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: impl IntoIterator<Item = (&'v str, Option<f64>)>,
    ) -> Result<(), Error> {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (value, figure) in values {
            let labels: Labels<'_> = vec![(label, value)];
            if let Some(figure) = figure {
                family.encode_family(&labels)?.encode_gauge(&figure)?;
            }
        }
        Ok(())
    }

    /// How long something took.
    pub(super) fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) -> Result<(), Error> {
        let bounds = LATENCY_BOUNDS_MS.iter().map(|ms| seconds(*ms)).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(histogram.buckets).collect();
        let sum = seconds(i64::try_from(histogram.sum_ms).unwrap_or(i64::MAX));
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        family.encode_histogram::<NoLabelSet>(sum, histogram.buckets.iter().sum(), &buckets, None)
    }

    /// A figure that is always 1, for its label.
    pub(super) fn info(&mut self, name: &str, help: &str, label: &'static str, value: &str) -> Result<(), Error> {
        let labels: Labels<'_> = vec![(label, value)];
        self.0.encode_descriptor(name, help, None, MetricType::Info)?.encode_info(&labels)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure for monitors")]
pub(super) fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}
