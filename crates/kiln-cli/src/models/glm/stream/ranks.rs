//! What all ranks have found in their rows.

use std::collections::{BTreeMap, btree_map::Entry};

use kiln::data::{ColumnKind, Shown};

use super::{counts::Counts, found::Found, summary::Summary};
use crate::base::{Failure, Result, ranks::world};

/// The sum of a number over the ranks.
pub(super) fn total(own: usize) -> Result<usize> {
    Ok(totals(vec![own])?[0])
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "numbers of rows"
)]
fn totals(own: Vec<usize>) -> Result<Vec<usize>> {
    let mut sums: Vec<f64> = own.into_iter().map(|own| own as f64).collect();
    world().sum(&mut sums)?;
    Ok(sums.into_iter().map(|sum| sum as usize).collect())
}

impl Counts {
    pub(super) fn of_all_ranks(mut self) -> Result<Self> {
        let own = [self.rows, self.incomplete].into_iter().chain(self.columns.iter().map(|(_, count)| *count));
        let sums = totals(own.collect())?;
        (self.rows, self.incomplete) = (sums[0], sums[1]);
        self.columns.iter_mut().zip(&sums[2..]).for_each(|((_, count), sum)| *count = *sum);
        Ok(self)
    }
}

impl Summary {
    /// Takes what the other ranks have found too. Where one wins, it is the first rank. All ranks call it.
    pub(super) fn of_all_ranks(self, is_chosen: bool) -> Result<Self> {
        let world = world();
        if world.is_alone() {
            return Ok(self);
        }
        let told = serde_json::to_vec(&self).map_err(Failure::internal)?;
        let mut all: Option<Self> = None;
        for told in world.gather(&told)? {
            let next: Self = serde_json::from_slice(&told).map_err(Failure::internal)?;
            match &mut all {
                Some(all) => all.merge(next, is_chosen)?,
                None => all = Some(next),
            }
        }
        Ok(all.expect("every rank has told something"))
    }

    fn merge(&mut self, next: Self, is_chosen: bool) -> Result<()> {
        if self.columns.is_empty() {
            *self = next;
            return Ok(());
        }
        self.rows += next.rows;
        let mut columns: BTreeMap<String, Found> =
            next.columns.into_iter().map(|found| (found.name.clone(), found)).collect();
        for own in &mut self.columns {
            let Some(other) = columns.remove(&own.name) else { continue };
            if !self.has_sample && next.has_sample {
                own.sample = other.sample;
            }
            own.merge(other, &self.file, is_chosen)?;
        }
        self.has_sample |= next.has_sample;
        Ok(())
    }
}

impl Found {
    fn merge(&mut self, other: Self, file: &str, is_chosen: bool) -> Result<()> {
        self.stray = self.stray.take().or(other.stray);
        let is_numeric = self.kind == Some(ColumnKind::Numeric);
        match (self.kind, other.kind) {
            (Some(own), Some(kind)) if own != kind && self.stray.is_none() => {
                let text_at = if is_numeric { other.text_at } else { None };
                let column = || format!("{file}: column '{}'", Shown(&self.name));
                return Err(self.differs(&text_at.unwrap_or_else(column)));
            }
            (None, kind) => {
                self.kind = kind;
                self.text_at = other.text_at;
            }
            _ => {}
        }
        self.sample = self.sample.or(other.sample);
        if let Some(range) = other.range {
            self.extend(range);
        }
        self.present += other.present;
        for (level, count) in other.levels {
            match self.levels.entry(level) {
                Entry::Occupied(mut own) => *own.get_mut() += count,
                Entry::Vacant(new) => drop(new.insert(count)),
            }
        }
        self.left_out = self.left_out.take().or(other.left_out);
        self.limit(file, is_chosen)
    }
}
