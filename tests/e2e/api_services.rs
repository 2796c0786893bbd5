//! What the aggregator thinks of us.

use std::time::Duration;

use serde_json::{Value, json};

use crate::api::Api;
use crate::environment::eventually;

const PATH: &str = "/apis/apiregistration.k8s.io/v1/apiservices";
/// It looks at an APIService as soon as that changes.
const NOTICED: Duration = Duration::from_mins(1);

/// The APIServices behind our Service.
pub(crate) async fn ours(api: &Api) -> Result<Vec<Value>, String> {
    let list = api.json(PATH).await?;
    let all = list["items"].as_array().cloned().unwrap_or_default();
    Ok(all.into_iter().filter(|service| service["spec"]["service"]["name"] == "custom-api").collect())
}

/// An error with what is said of the first that is not Available.
pub(crate) async fn all_are_available(api: &Api) -> Result<(), String> {
    all_are(api, true).await
}

/// Until all are Available, or none is. The aggregator would look within half a minute; it looks at
/// once here, as it does in a cluster where endpoints come and go.
pub(crate) async fn until_all_are(api: &Api, available: bool) -> Result<(), String> {
    for service in ours(api).await? {
        let path = format!("{PATH}/{}", service["metadata"]["name"].as_str().unwrap_or_default());
        let touched = json!({"metadata": {"annotations": {"looked-at": available.to_string()}}});
        api.patch(&path, &touched).await?;
    }
    eventually(NOTICED, async || all_are(api, available).await).await
}

async fn all_are(api: &Api, available: bool) -> Result<(), String> {
    let other = ours(api).await?.into_iter().find(|service| is_available(service) != available);
    other.map_or(Ok(()), |service| Err(service["status"].to_string()))
}

fn is_available(service: &Value) -> bool {
    let conditions = service["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|one| one["type"] == "Available" && one["status"] == "True")
}
