//! Objects as rows and columns, for `kubectl get`.
//!
//! The columns of a kind and the cells of an object stand in the same order. Cells are read by
//! people: rounded, with one unit each, and `<unknown>` where there is no number. Who wants to
//! reckon reads the objects.

mod cells;
mod columns;
mod text;

pub(super) use cells::{node_cells, pod_cells, scrape_cells};
pub(super) use columns::{Column, SCRAPE_COLUMNS, column_definitions, node_columns, pod_columns};

#[cfg(test)]
mod tests;
