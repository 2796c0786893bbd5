//! Rows as they are read.
//!
//! The families list the same containers in the same order. So the labels are parsed once, in the
//! first family; in the next ones a series whose labels are, byte for byte, those expected at this
//! place is the same container's. One out of order is looked up by its names.

use std::collections::HashMap;

use super::families::Field;
use crate::promtext::series::Point;
use crate::usage::{Batch, Reading, RejectReason, Row};

/// Ten times what the largest nodes run. A row takes more memory than its shortest series, so that a
/// hostile body must not decide how many there are.
const MOST_ROWS: usize = 32_768;

/// Container, namespace, pod: the order of the labels, and so of the rows.
pub(super) type Names<'a> = (&'a str, &'a str, &'a str);

/// The batch of a body, half read.
pub(super) struct Rows<'a> {
    pub(super) batch: Batch<'a>,
    /// The labels of each row as written; empty where they cannot be told from the rest.
    written: Vec<&'a [u8]>,
    /// The row that the next series should be of.
    expected: usize,
    /// Rows by their names; made when a series comes out of order, since it seldom does.
    by_names: Option<HashMap<Names<'a>, usize>>,
}

impl<'a> Rows<'a> {
    /// None yet; room for about as many as a body has.
    pub(super) fn expecting(count: usize) -> Self {
        let count = count.min(MOST_ROWS);
        Self {
            batch: Batch { rows: Vec::with_capacity(count), ..Batch::default() },
            written: Vec::with_capacity(count),
            expected: 0,
            by_names: None,
        }
    }

    /// The next series is the first of its family.
    pub(super) const fn begin_family(&mut self) {
        self.expected = 0;
    }

    /// The expected row and what follows its labels, if `series` begins with them.
    pub(super) fn as_expected<'s>(&self, series: &'s [u8]) -> Option<(usize, &'s [u8])> {
        let labels = self.written.get(self.expected).filter(|labels| !labels.is_empty())?;
        Some((self.expected, series.strip_prefix(*labels)?))
    }

    /// The place of the row of that name, which is a new one at the end if there was none.
    pub(super) fn named(&mut self, names: Names<'a>, labels: &'a [u8]) -> Result<usize, RejectReason> {
        let end = self.batch.rows.len();
        let ascends = self.batch.rows.last().is_none_or(|last| self::names(last) < names);
        // While rows come in order, a later name is a new one, and no table is needed to know it.
        if self.by_names.is_some() || !ascends {
            let rows = &self.batch.rows;
            let table = self.by_names.get_or_insert_with(|| rows.iter().map(self::names).zip(0..).collect());
            if let Some(place) = table.get(&names) {
                return Ok(*place);
            }
        }
        if end == MOST_ROWS {
            return Err(RejectReason::TooMany);
        }
        if let Some(table) = &mut self.by_names {
            table.insert(names, end);
        }
        let (container, namespace, pod) = names;
        self.batch.rows.push(Row { namespace, pod, container, reading: Reading::default() });
        self.written.push(labels);
        Ok(end)
    }

    /// A series of the row at `place` was read.
    pub(super) fn set(&mut self, place: usize, field: Field, point: Point) -> Result<(), RejectReason> {
        self.expected = place + 1;
        let row = self.batch.rows.get_mut(place).ok_or(RejectReason::Syntax)?;
        field.set(&mut row.reading, point)
    }

    /// A series of the node was read.
    pub(super) fn set_node(&mut self, field: Field, point: Point) -> Result<(), RejectReason> {
        field.set(self.batch.node.get_or_insert_default(), point)
    }
}

fn names<'a>(row: &Row<'a>) -> Names<'a> {
    (row.container, row.namespace, row.pod)
}

/// The names among a series' labels, each there once. They never need an escape in Kubernetes.
#[derive(Default)]
pub(super) struct NamesRead<'a> {
    container: Option<&'a str>,
    namespace: Option<&'a str>,
    pod: Option<&'a str>,
}

impl<'a> NamesRead<'a> {
    /// One more label.
    pub(super) fn add(&mut self, label: &[u8], value: &'a [u8]) -> Result<(), RejectReason> {
        let place = match label {
            b"container" => &mut self.container,
            b"namespace" => &mut self.namespace,
            b"pod" => &mut self.pod,
            _ => return Ok(()),
        };
        if value.is_empty() {
            return Err(RejectReason::Label);
        }
        let value = std::str::from_utf8(value).map_err(|_| RejectReason::Encoding)?;
        if place.replace(value).is_some() { Err(RejectReason::Label) } else { Ok(()) }
    }

    /// All three.
    pub(super) fn complete(self) -> Result<Names<'a>, RejectReason> {
        match (self.container, self.namespace, self.pod) {
            (Some(container), Some(namespace), Some(pod)) => Ok((container, namespace, pod)),
            _ => Err(RejectReason::Label),
        }
    }
}
