//! What templates believe about the cluster: `.Capabilities`.

use crate::chart::compat::HelmCompat;

/// The version of Kubernetes and its API versions.
#[derive(Clone, Debug, PartialEq)]
pub struct Capabilities {
    /// `v1.37.2`.
    pub kube_version: String,
    /// Group versions (`apps/v1`) and, from a cluster, kinds (`apps/v1/Deployment`).
    pub api_versions: Vec<String>,
}

/// The group versions that Helm 3.22 assumes where there is no cluster.
const API_VERSIONS: &str = "v1 admissionregistration.k8s.io/v1 admissionregistration.k8s.io/v1alpha1 admissionregistration.k8s.io/v1beta1 \
internal.apiserver.k8s.io/v1alpha1 apps/v1 apps/v1beta1 apps/v1beta2 authentication.k8s.io/v1 authentication.k8s.io/v1alpha1 \
authentication.k8s.io/v1beta1 authorization.k8s.io/v1 authorization.k8s.io/v1beta1 autoscaling/v1 autoscaling/v2 batch/v1 batch/v1beta1 \
certificates.k8s.io/v1 certificates.k8s.io/v1beta1 certificates.k8s.io/v1alpha1 coordination.k8s.io/v1alpha2 coordination.k8s.io/v1beta1 \
coordination.k8s.io/v1 discovery.k8s.io/v1 discovery.k8s.io/v1beta1 events.k8s.io/v1 events.k8s.io/v1beta1 extensions/v1beta1 \
flowcontrol.apiserver.k8s.io/v1 flowcontrol.apiserver.k8s.io/v1beta1 flowcontrol.apiserver.k8s.io/v1beta2 \
flowcontrol.apiserver.k8s.io/v1beta3 lifecycle.k8s.io/v1alpha1 networking.k8s.io/v1 networking.k8s.io/v1beta1 node.k8s.io/v1 \
node.k8s.io/v1alpha1 node.k8s.io/v1beta1 policy/v1 policy/v1beta1 rbac.authorization.k8s.io/v1 rbac.authorization.k8s.io/v1beta1 \
rbac.authorization.k8s.io/v1alpha1 resource.k8s.io/v1 resource.k8s.io/v1beta2 resource.k8s.io/v1beta1 resource.k8s.io/v1alpha3 \
scheduling.k8s.io/v1alpha3 scheduling.k8s.io/v1beta1 scheduling.k8s.io/v1 storage.k8s.io/v1beta1 storage.k8s.io/v1 \
storage.k8s.io/v1alpha1 storagemigration.k8s.io/v1 storagemigration.k8s.io/v1beta1 apiextensions.k8s.io/v1beta1 apiextensions.k8s.io/v1";

impl Default for Capabilities {
    /// What Helm 3.22 assumes without a cluster.
    fn default() -> Self {
        Capabilities::assumed(HelmCompat::Three)
    }
}

impl Capabilities {
    /// What a version of Helm assumes without a cluster.
    pub fn assumed(compat: HelmCompat) -> Self {
        let kube_version = match compat {
            HelmCompat::Three => "v1.20.0",
            HelmCompat::Four => "v1.37.0",
        };
        Capabilities { kube_version: kube_version.into(), api_versions: API_VERSIONS.split_whitespace().map(str::to_owned).collect() }
    }

    /// Replaces the version of Kubernetes (`--kube-version`): `1.30`, `v1.30.1` and `1.30.0-gke.1` are all fine. `None`: it is no version.
    pub fn with_kube_version(mut self, version: &str, compat: HelmCompat) -> Option<Self> {
        let text = version.trim().trim_start_matches('v');
        let end = text.find(['-', '+']).unwrap_or(text.len());
        let numbers: Vec<u64> = text[..end].split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
        if numbers.len() < 2 {
            return None;
        }
        // Helm 3 keeps the numbers only, as many as were given.
        let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
        self.kube_version = match compat {
            HelmCompat::Three => format!("v{}", numbers.join(".")),
            HelmCompat::Four => format!("v{text}"),
        };
        Some(self)
    }

    /// Adds API versions (`--api-versions`).
    pub fn with_api_versions(mut self, more: impl IntoIterator<Item = String>) -> Self {
        self.api_versions.extend(more);
        self
    }

    /// The version that constraints see, and that `.KubeVersion` prints as: Helm 4 leaves out what follows the numbers.
    pub fn compared_version(&self, compat: HelmCompat) -> &str {
        match compat {
            HelmCompat::Three => &self.kube_version,
            HelmCompat::Four => self.kube_version.split(['-', '+']).next().unwrap_or_default(),
        }
    }

    /// Major and minor part of the version.
    pub fn major_minor(&self) -> (&str, &str) {
        let numbers = self.kube_version.split(['-', '+']).next().unwrap_or_default();
        let mut parts = numbers.trim_start_matches('v').split('.');
        (parts.next().unwrap_or(""), parts.next().unwrap_or(""))
    }
}
