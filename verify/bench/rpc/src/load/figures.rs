//! What was measured, round by round, and how it is told.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::Serialize;

/// The values of one figure, one for each round.
#[derive(Default)]
pub(crate) struct Figures {
    values: BTreeMap<String, (&'static str, Vec<f64>)>,
}

/// A line of the file.
#[derive(Serialize)]
pub(crate) struct Summary<'a> {
    name: &'a str,
    unit: &'static str,
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Figures {
    pub(crate) fn add(&mut self, name: String, unit: &'static str, value: f64) {
        let (_, values) = self.values.entry(name).or_insert((unit, Vec::new()));
        values.push(value);
    }

    pub(crate) fn get(&self, name: &str) -> Option<Summary<'_>> {
        let (name, (unit, values)) = self.values.get_key_value(name)?;
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            0 => (sorted[middle - 1] + sorted[middle]) / 2.0,
            _ => sorted[middle],
        };
        let (min, max) = (sorted[0], sorted[sorted.len() - 1]);
        Some(Summary {
            name,
            unit,
            median,
            min,
            max,
        })
    }

    /// Adds how `above` relates to `below`, by the values of the same round.
    pub(crate) fn relate(&mut self, name: String, above: &str, below: &str) {
        let values = |name| self.values.get(name).map(|(_, values)| values.clone());
        let (Some(above), Some(below)) = (values(above), values(below)) else {
            return;
        };
        for (above, below) in above.into_iter().zip(below) {
            self.add(name.clone(), "ratio", above / below);
        }
    }

    /// Writes all of it as JSON.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let all: Vec<_> = self
            .values
            .keys()
            .filter_map(|name| self.get(name))
            .collect();
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, serde_json::to_vec_pretty(&all)?)
    }
}
