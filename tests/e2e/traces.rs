//! What a collector gets that kube-apiserver and the server under test both send to.

use std::time::Duration;

use crate::api::{direct, get};
use crate::checks::indented;
use crate::environment::{Environment, eventually};
use crate::support::otlp_sink::Span;

const REVIEW: &str = "POST /apis/authorization.k8s.io/v1/subjectaccessreviews";
const NODES: &str = "/apis/custom.example.com/v1/nodes";
/// For whom the server has to ask: the control plane's own users are let in unasked.
const READER: &str = "\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: traced-reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: custom-api-reader}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: traced-reader}]
";
/// Batches go out within a second or some, also kube-apiserver's.
const SENT: Duration = Duration::from_secs(30);

type Checked = Result<(), String>;

/// One trace holds kube-apiserver's spans and ours, each under the one that asked for it.
pub(crate) async fn one_trace_joins_the_api_server_and_us(e: &Environment) -> Checked {
    e.kubectl.apply(READER)?;
    // The right has reached kube-apiserver's own cache when the answer comes.
    eventually(SENT, async || e.kubectl.run(&["--as=traced-reader", "get", "--raw", NODES])).await?;
    let trace = eventually(SENT, async || {
        let traces = e.sink.spans.traces_of_both("apiserver", "kube-vitals");
        let whole = traces.into_iter().find(|trace| is_whole(&e.sink.spans.of(trace)));
        whole.ok_or_else(|| format!("{} spans, no whole trace of both", e.sink.spans.all().len()))
    })
    .await?;
    println!("{}", indented(&e.sink.spans.tree(&trace)));
    // What we ask kube-apiserver bears our context. It trusts no parent of ours, and links to it.
    let review = e.sink.spans.of(&trace).into_iter().find(|span| span.name == REVIEW).ok_or("no review")?;
    let reviewed = eventually(SENT, async || {
        let is_linked = |span: &Span| span.links.contains(&(review.trace.clone(), review.id.clone()));
        let linked = e.sink.spans.all().into_iter().find(|span| span.service == "apiserver" && is_linked(span));
        linked.ok_or_else(|| "kube-apiserver has no span that is linked to the review".to_owned())
    })
    .await?;
    println!("  kube-apiserver's span of the review: {}, linked to {}", reviewed.name, review.id);
    Ok(())
}

/// Whoever comes to our port by himself begins a trace of his own, whatever parent he names.
pub(crate) async fn a_forged_parent_is_a_link_of_a_trace_of_its_own(e: &Environment) -> Checked {
    const FORGED: (&str, &str) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let client = direct(e.replicas.port(), &e.authority_pem)?;
    let parent = format!("00-{}-{}-01", FORGED.0, FORGED.1);
    let headers = [("traceparent", parent.as_str()), ("authorization", "Bearer admin-token")];
    let (status, _) = get(&client, NODES, &headers).await?;
    let linked = eventually(SENT, async || {
        let is_linked = |span: &Span| span.links.iter().any(|(trace, id)| (trace.as_str(), id.as_str()) == FORGED);
        e.sink.spans.all().into_iter().find(is_linked).ok_or_else(|| "no span with the link".to_owned())
    })
    .await?;
    println!("  {status}, linked to {}:\n{}", FORGED.0, indented(&e.sink.spans.tree(&linked.trace)));
    let is_root = linked.parent.is_empty() && linked.trace != FORGED.0 && linked.kind == "server";
    if !is_root || !e.sink.spans.of(FORGED.0).is_empty() {
        return Err(format!("the forged parent was believed: {linked:?}"));
    }
    Ok(())
}

/// A scrape has a trace of its own, with the request to the kubelet in it.
pub(crate) async fn scrapes_are_traces_of_their_own(e: &Environment) -> Checked {
    let scrape = eventually(SENT, async || {
        let spans = e.sink.spans.all();
        let request = spans.iter().find(|span| span.name == "GET /metrics/resource" && span.kind == "client");
        let request = request.ok_or("no request to a kubelet")?;
        let asked = ["server.address", "http.response.status_code", "kube_vitals.scrape.bytes"];
        if let Some(missing) = asked.iter().find(|key| !request.attributes.contains_key(**key)) {
            return Err(format!("no {missing} in {request:?}"));
        }
        let scrape = spans.iter().find(|span| span.id == request.parent).ok_or("no scrape above it")?;
        if scrape.name == "scrape" && scrape.parent.is_empty() {
            Ok(scrape.clone())
        } else {
            Err(format!("{scrape:?} is no scrape"))
        }
    })
    .await?;
    println!("{}", indented(&e.sink.spans.tree(&scrape.trace)));
    Ok(())
}

/// Neither credentials nor identities nor queries are in any of our spans.
pub(crate) async fn no_trace_tells_secrets(e: &Environment) -> Checked {
    let selected = format!("{NODES}?labelSelector=secret%3Dvalue");
    e.admin.json(&selected).await?;
    let client = direct(e.replicas.port(), &e.authority_pem)?;
    get(&client, &selected, &[("authorization", "Bearer viewer-token"), ("x-remote-user", "mallory")]).await?;
    let spans = eventually(SENT, async || {
        let ours: Vec<Span> = e.sink.spans.all().into_iter().filter(|span| span.service == "kube-vitals").collect();
        let refused =
            ours.iter().any(|span| span.attributes.get("http.response.status_code").is_some_and(|c| c == "403"));
        if refused { Ok(ours) } else { Err("the refused request has not arrived".to_owned()) }
    })
    .await?;
    for span in &spans {
        let told = format!("{span:?}");
        if let Some(secret) =
            ["-token", "Bearer", "mallory", "labelSelector", "x-remote"].iter().find(|s| told.contains(**s))
        {
            return Err(format!("{secret} is in {told}"));
        }
    }
    println!("  {} spans of ours", spans.len());
    Ok(())
}

/// Whether our request stands under kube-apiserver's, with all its parts, the review among them.
fn is_whole(spans: &[Span]) -> bool {
    let ours = |name: &str| spans.iter().find(|span| span.service == "kube-vitals" && span.name == name);
    let Some(request) = ours(&format!("GET {NODES}")) else { return false };
    let parent = spans.iter().find(|span| span.id == request.parent);
    let review = ours(REVIEW);
    let steps = ["authentication", "authorization", "snapshot", "encode"].map(ours);
    parent.is_some_and(|parent| parent.service == "apiserver")
        && request.attributes.contains_key("audit-id")
        && steps.iter().all(|step| step.is_some_and(|step| step.parent == request.id))
        && review.is_some_and(|review| steps[1].is_some_and(|step| review.parent == step.id))
}
