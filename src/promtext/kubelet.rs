//! `/metrics/resource` of a kubelet to a [`Batch`]: the only file that knows its metric names.
//!
//! Three families of containers and two of the node are read. All others are passed over at their
//! name; pod families among them, since a pod's series includes the sandbox and reads 0 while the
//! pod is young.
//!
//! The families list the same containers in the same order. So the labels are parsed once, in the
//! first family; in the next ones a line whose labels are, byte for byte, those expected at this
//! place is the same container's. A line out of order is looked up by its names.

use std::collections::HashMap;

use crate::clock::UnixMillis;
use crate::promtext::lexer::{self, Lines, Quoted};
use crate::promtext::series::{self, Point};
use crate::usage::{Batch, Reading, RejectReason, Row};

/// Bytes of a real body for each of its containers, rounded down: a first guess at how many rows
/// there will be.
const BODY_BYTES_PER_ROW: usize = 512;
/// Ten times what the largest nodes run. A row takes more memory than its shortest line, so that a
/// hostile body must not decide how many there are.
const MOST_ROWS: usize = 32_768;

/// Reads a body. Refused lines are counted in the batch; it never fails as a whole.
pub fn read(body: &[u8]) -> Batch<'_> {
    let mut reader = Reader::for_body(body.len());
    for (number, line) in Lines::of(body) {
        if let Err(reason) = reader.line(line) {
            reader.batch.rejected.add(number, reason);
        }
    }
    reader.batch
}

#[derive(Clone, Copy)]
enum Family {
    Container(Field),
    Node(Field),
    Unused,
}

/// What a series tells. CPU comes in seconds and is kept in nanoseconds, starts come in seconds
/// and are kept in milliseconds.
#[derive(Clone, Copy)]
enum Field {
    Cpu,
    Memory,
    Start,
}

impl Family {
    fn of(name: &[u8]) -> Self {
        match name {
            b"container_cpu_usage_seconds_total" => Self::Container(Field::Cpu),
            b"container_memory_working_set_bytes" => Self::Container(Field::Memory),
            b"container_start_time_seconds" => Self::Container(Field::Start),
            b"node_cpu_usage_seconds_total" => Self::Node(Field::Cpu),
            b"node_memory_working_set_bytes" => Self::Node(Field::Memory),
            _ => Self::Unused,
        }
    }
}

impl Field {
    const fn scale(self) -> i32 {
        match self {
            Self::Cpu => 9,
            Self::Memory => 0,
            Self::Start => 3,
        }
    }

    fn set(self, reading: &mut Reading, point: Point) -> Result<(), RejectReason> {
        let (value, time) = match self {
            Self::Cpu => (&mut reading.cpu_ns, &mut reading.cpu_time),
            Self::Memory => (&mut reading.memory_bytes, &mut reading.memory_time),
            Self::Start => return set_start(reading, point.value),
        };
        if value.is_some() {
            return Err(RejectReason::Duplicate);
        }
        *value = Some(point.value);
        *time = point.time;
        Ok(())
    }
}

/// A start of zero is the runtime's way to say that it does not know.
fn set_start(reading: &mut Reading, millis: u64) -> Result<(), RejectReason> {
    if reading.start.is_some() {
        return Err(RejectReason::Duplicate);
    }
    let millis = i64::try_from(millis).map_err(|_| RejectReason::Value)?;
    reading.start = (millis > 0).then_some(UnixMillis(millis));
    Ok(())
}

type Names<'a> = (&'a str, &'a str, &'a str);

fn names<'a>(row: &Row<'a>) -> Names<'a> {
    (row.container, row.namespace, row.pod)
}

struct Reader<'a> {
    batch: Batch<'a>,
    /// The labels of each row as written, braces included.
    written: Vec<&'a [u8]>,
    /// The row that the next line should be of.
    expected: usize,
    /// The family of the line before, by name.
    family: Option<(&'a [u8], Family)>,
    /// Rows by their names; made when a line comes out of order, since it seldom does.
    by_names: Option<HashMap<Names<'a>, usize>>,
}

impl<'a> Reader<'a> {
    fn for_body(bytes: usize) -> Self {
        let rows = (bytes / BODY_BYTES_PER_ROW).min(MOST_ROWS);
        Self {
            batch: Batch { rows: Vec::with_capacity(rows), ..Batch::default() },
            written: Vec::with_capacity(rows),
            expected: 0,
            family: None,
            by_names: None,
        }
    }

    fn line(&mut self, line: &'a [u8]) -> Result<(), RejectReason> {
        let line = lexer::skip_blanks(line);
        if matches!(line.first(), None | Some(b'#')) {
            return Ok(());
        }
        let (family, rest) = self.family(line)?;
        match family {
            Family::Unused => check_unused(rest),
            Family::Node(field) => self.node(field, rest),
            Family::Container(field) => self.container(field, rest),
        }
    }

    fn family(&mut self, line: &'a [u8]) -> Result<(Family, &'a [u8]), RejectReason> {
        if let Some((name, family)) = self.family
            && let Some(rest) = line.strip_prefix(name)
            && matches!(rest.first(), Some(b'{' | b' ' | b'\t'))
        {
            return Ok((family, rest));
        }
        let (name, rest) = lexer::name(line);
        if name.is_empty() || !matches!(rest.first(), Some(b'{' | b' ' | b'\t')) {
            return Err(RejectReason::Syntax);
        }
        let family = Family::of(name);
        self.family = Some((name, family));
        self.expected = 0;
        Ok((family, rest))
    }

    fn node(&mut self, field: Field, text: &'a [u8]) -> Result<(), RejectReason> {
        let rest = series::labels(text, |_, _| Ok(()))?;
        let point = series::point(rest, field.scale())?;
        field.set(self.batch.node.get_or_insert_default(), point)
    }

    fn container(&mut self, field: Field, text: &'a [u8]) -> Result<(), RejectReason> {
        let as_expected = self.written.get(self.expected).and_then(|labels| text.strip_prefix(*labels));
        let (row, point) = if let Some(rest) = as_expected {
            (self.expected, series::point(rest, field.scale())?)
        } else {
            let (names, rest) = container_names(text)?;
            // Read before the row is made: a line without a number makes none.
            let point = series::point(rest, field.scale())?;
            let labels = text.get(..text.len() - rest.len()).unwrap_or_default();
            (self.row(names, labels)?, point)
        };
        self.expected = row + 1;
        let row = self.batch.rows.get_mut(row).ok_or(RejectReason::Syntax)?;
        field.set(&mut row.reading, point)
    }

    /// The place of the row of that name, which is a new one at the end if there was none.
    fn row(&mut self, names: Names<'a>, labels: &'a [u8]) -> Result<usize, RejectReason> {
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
}

/// Something that looks like a number must end the line, so that a page of prose is not taken for
/// a body without readings.
fn check_unused(text: &[u8]) -> Result<(), RejectReason> {
    match text.trim_ascii_end().last() {
        Some(b'0'..=b'9' | b'N' | b'f' | b'.') => Ok(()),
        _ => Err(RejectReason::Syntax),
    }
}

/// Container, namespace and pod of a line. Their names never need an escape in Kubernetes, so a
/// name with one is refused rather than copied.
fn container_names(text: &[u8]) -> Result<(Names<'_>, &[u8]), RejectReason> {
    let (mut container, mut namespace, mut pod) = (None, None, None);
    let rest = series::labels(text, |label, value| {
        let place = match label {
            b"container" => &mut container,
            b"namespace" => &mut namespace,
            b"pod" => &mut pod,
            _ => return Ok(()),
        };
        match place.replace(object_name(value)?) {
            None => Ok(()),
            Some(_) => Err(RejectReason::Label),
        }
    })?;
    match (container, namespace, pod) {
        (Some(container), Some(namespace), Some(pod)) => Ok(((container, namespace, pod), rest)),
        _ => Err(RejectReason::Label),
    }
}

fn object_name(value: Quoted<'_>) -> Result<&str, RejectReason> {
    if value.escaped || value.raw.is_empty() {
        return Err(RejectReason::Label);
    }
    std::str::from_utf8(value.raw).map_err(|_| RejectReason::Encoding)
}
