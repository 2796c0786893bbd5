//! From what was typed to what is meant.

use super::args::ServeArgs;
use super::fault::Faults;
use super::settings::Settings;
use super::value::given;

impl Settings {
    /// What these arguments mean in this process's environment.
    ///
    /// # Errors
    /// Every fault there is, each naming its flag.
    pub fn from_args(args: &ServeArgs) -> Result<Self, Faults> {
        Self::from_args_and_variables(args, &|name| std::env::var(name).ok())
    }

    /// The same, with `variable` telling the environment: OpenTelemetry's own names are asked for here.
    pub(super) fn from_args_and_variables(
        args: &ServeArgs,
        variable: &impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        match read(args, variable, &mut faults) {
            Some(settings) if faults.is_empty() => Ok(settings),
            _ => Err(faults),
        }
    }
}

/// Every group is read before the first `?`, so that none hides another's faults.
fn read(args: &ServeArgs, variable: &impl Fn(&str) -> Option<String>, faults: &mut Faults) -> Option<Settings> {
    let kubeconfig = args.cluster.kubeconfig(faults);
    let service = args.cluster.service(faults);
    let api_groups = args.cluster.api_groups(faults);
    let kubelet = args.kubelet.read(&args.cluster.node_selector, faults);
    let serving = args.serving.read(faults);
    let authentication = args.authentication.read(faults);
    let authorization = args.authorization.read(faults);
    let pod = args.replicas.read(faults);
    let has_certificate = given(args.serving.tls_cert_file.as_deref()).is_some();
    let scrape_sharing = args.replicas.shares(pod.as_ref(), has_certificate, faults);
    let shutdown = args.shutdown.read(faults);
    let telemetry = args.telemetry.read(variable, faults);
    let export = args.file.read(variable, faults);
    let (scraping, max_sample_age) = kubelet?;
    Some(Settings {
        kubeconfig,
        service: service?,
        api_groups: api_groups?,
        max_sample_age,
        scraping,
        serving: serving?,
        authentication: authentication?,
        authorization: authorization?,
        pod,
        scrape_sharing,
        shutdown: shutdown?,
        telemetry: telemetry?,
        export: export?,
    })
}
