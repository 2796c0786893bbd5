//! The dashboards.

mod api;
mod overview;
mod scraping;
mod usage;

use super::dashboard::Dashboard;

/// All of them, in the order of a look for trouble.
pub(crate) fn all() -> [Dashboard; 4] {
    [overview::dashboard(), scraping::dashboard(), api::dashboard(), usage::dashboard()]
}
