//! What is measured, and how it is shown.

/// All figures.
pub const NAMES: [&str; 16] = [
    "page_1000",
    "instantiate_call",
    "permission_decision_ns",
    "http_read_ratio",
    "sync_10k_cpu_s",
    "sync_10k_rows_per_s",
    "sync_100k_cpu_s",
    "sync_100k_rows_per_s",
    "sync_1m_cpu_s",
    "sync_1m_rows_per_s",
    "sync_1m_rss_mib",
    "resync_1m_cpu_ratio",
    "resync_1m_validators_cpu_ratio",
    "resync_1m_rows_written",
    "search_1m_p99_ms_sqlite",
    "search_1m_p99_ms_postgres",
];

/// One figure with what it is compared to.
pub struct Figure {
    pub name: &'static str,
    pub value: f64,
    pub unit: &'static str,
    /// What the baseline is, and its value in the same unit.
    pub baseline: Option<(&'static str, f64)>,
}

impl Figure {
    fn ratio(&self) -> Option<f64> {
        self.baseline.map(|(_, value)| self.value / value)
    }
}

/// A table for people, or one JSON line a figure.
pub fn print(figures: &[Figure], is_json: bool) {
    if is_json {
        for figure in figures {
            let line = serde_json::json!({
                "name": figure.name,
                "value": figure.value,
                "unit": figure.unit,
                "baseline": figure.baseline.map(|(name, value)| format!("{name}: {value:.3}")),
                "ratio": figure.ratio(),
            });
            println!("{line}");
        }
        return;
    }
    println!("{:<24} {:>12} {:<6} {:>7}  baseline", "figure", "value", "unit", "ratio");
    for figure in figures {
        let ratio = figure.ratio().map_or(String::new(), |ratio| format!("{ratio:.2}"));
        let baseline = figure
            .baseline
            .map_or(String::new(), |(name, value)| format!("{name}: {value:.3} {}", figure.unit));
        println!(
            "{:<24} {:>12.3} {:<6} {ratio:>7}  {baseline}",
            figure.name, figure.value, figure.unit
        );
    }
}
