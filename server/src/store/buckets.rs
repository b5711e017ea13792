//! Opening a bucket with object_store's usual environment variables, and never waiting long for credentials that are not there.

use std::fmt;
use std::sync::{Arc, Once};
use std::time::Duration;

use async_trait::async_trait;
use catalog::{Error, ErrorKind, Result};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::http::HttpBuilder;
use object_store::prefix::PrefixStore;
use object_store::{ClientConfigKey, ClientOptions, CredentialProvider, ObjectStore, RetryConfig};

use super::errors::{NO_CREDENTIALS, causes, credential_steps};
use super::place::{Bucket, Service};
use super::settings::Settings;

/// A request that takes longer fails, unless `AWS_TIMEOUT` and its like say otherwise: time for 16 MiB at 1 Mbit/s.
const REQUEST_TIMEOUT: &str = "120 seconds";
/// Credentials that take longer are taken for absent: a machine outside the cloud must not wait for the cloud's own service.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens a bucket. Nothing is asked of it yet.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if the environment configures it wrongly.
pub(super) fn open_bucket(
    location: &str,
    bucket: &Bucket,
    settings: &Settings,
) -> Result<Arc<dyn ObjectStore>> {
    choose_tls();
    refuse_open_line(location, bucket.service, settings)?;
    let opened = match bucket.service {
        Service::S3 => open_s3(bucket, settings),
        Service::Gcs => open_gcs(bucket, settings),
        Service::Azure => open_azure(bucket, settings),
    };
    let store = opened.map_err(|error| {
        let error = Error::new(ErrorKind::InvalidInput, format!("`{location}` could not be opened"))
            .because(causes(&error));
        credential_steps(error, bucket.service)
    })?;
    Ok(if bucket.prefix.as_ref().is_empty() {
        store
    } else {
        Arc::new(PrefixStore::new(store, bucket.prefix.clone()))
    })
}

/// Opens a web server's folder, to read only.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if the address makes no sense.
pub(super) fn open_web(location: &str, settings: &Settings) -> Result<Arc<dyn ObjectStore>> {
    choose_tls();
    let options = ClientOptions::new()
        .with_allow_http(location.starts_with("http://"))
        .with_config(ClientConfigKey::Timeout, REQUEST_TIMEOUT);
    let store = HttpBuilder::new()
        .with_url(location)
        .with_client_options(options)
        .with_retry(patient(settings))
        .build()
        .map_err(|error| {
            Error::new(ErrorKind::InvalidInput, format!("`{location}` is not an address of a catalog"))
                .because(causes(&error))
        })?;
    Ok(Arc::new(store))
}

fn open_s3(bucket: &Bucket, settings: &Settings) -> object_store::Result<Arc<dyn ObjectStore>> {
    let timeout = AmazonS3ConfigKey::Client(ClientConfigKey::Timeout);
    let mut builder = AmazonS3Builder::new().with_config(timeout, REQUEST_TIMEOUT);
    for (key, value) in known(settings, "AWS_") {
        builder = builder.with_config(key, value);
    }
    builder = builder.with_bucket_name(&bucket.name);
    let hasty = builder.clone().with_retry(hasty()).build()?;
    let source =
        if asks_nobody(settings) { Source::Nobody } else { Source::Chain(hasty.credentials().clone()) };
    let credentials = Arc::new(Prompt { service: Service::S3, source });
    Ok(Arc::new(builder.with_credentials(credentials).with_retry(patient(settings)).build()?))
}

fn open_gcs(bucket: &Bucket, settings: &Settings) -> object_store::Result<Arc<dyn ObjectStore>> {
    let timeout = GoogleConfigKey::Client(ClientConfigKey::Timeout);
    let mut builder = GoogleCloudStorageBuilder::new().with_config(timeout, REQUEST_TIMEOUT);
    if let Some(path) = settings.get("SERVICE_ACCOUNT") {
        builder = builder.with_service_account_path(path);
    }
    for (key, value) in known(settings, "GOOGLE_") {
        builder = builder.with_config(key, value);
    }
    builder = builder.with_bucket_name(&bucket.name);
    let hasty = builder.clone().with_retry(hasty()).build()?;
    let source = Source::Chain(hasty.credentials().clone());
    let credentials = Arc::new(Prompt { service: Service::Gcs, source });
    Ok(Arc::new(builder.with_credentials(credentials).with_retry(patient(settings)).build()?))
}

fn open_azure(bucket: &Bucket, settings: &Settings) -> object_store::Result<Arc<dyn ObjectStore>> {
    let timeout = AzureConfigKey::Client(ClientConfigKey::Timeout);
    let mut builder = MicrosoftAzureBuilder::new().with_config(timeout, REQUEST_TIMEOUT);
    for (key, value) in known(settings, "AZURE_") {
        builder = builder.with_config(key, value);
    }
    if let Some(endpoint) = settings.get("IDENTITY_ENDPOINT") {
        builder = builder.with_msi_endpoint(endpoint);
    }
    if let Some(account) = &bucket.account {
        builder = builder.with_account(account);
    }
    builder = builder.with_container_name(&bucket.name);
    let hasty = builder.clone().with_retry(hasty()).build()?;
    let source = Source::Chain(hasty.credentials().clone());
    let credentials = Arc::new(Prompt { service: Service::Azure, source });
    Ok(Arc::new(builder.with_credentials(credentials).with_retry(patient(settings)).build()?))
}

/// The variables that object_store knows.
fn known<'a, Key: std::str::FromStr>(
    settings: &'a Settings,
    start: &'a str,
) -> impl Iterator<Item = (Key, &'a str)> {
    settings.under(start).filter_map(|(name, value)| Some((name.to_ascii_lowercase().parse().ok()?, value)))
}

/// About ten seconds of trying again, unless `BARKEEP_STORE_RETRIES` says otherwise.
fn patient(settings: &Settings) -> RetryConfig {
    let max_retries = settings.get("BARKEEP_STORE_RETRIES").and_then(|said| said.parse().ok()).unwrap_or(6);
    RetryConfig { max_retries, retry_timeout: Duration::from_secs(60), ..RetryConfig::default() }
}

fn hasty() -> RetryConfig {
    RetryConfig { max_retries: 1, retry_timeout: Duration::from_secs(5), ..RetryConfig::default() }
}

/// Whether only the machine's own service could know credentials, and asking it is forbidden.
fn asks_nobody(settings: &Settings) -> bool {
    const SOURCES: [&str; 7] = [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_METADATA_ENDPOINT",
        "AWS_SKIP_SIGNATURE",
    ];
    let forbidden = settings.get("AWS_EC2_METADATA_DISABLED").is_some_and(|said| said == "true");
    forbidden && SOURCES.iter().all(|name| settings.get(name).is_none())
}

/// Refuses an endpoint without encryption unless the environment allows it.
fn refuse_open_line(location: &str, service: Service, settings: &Settings) -> Result<()> {
    let (names, allow): (&[&str], _) = match service {
        Service::S3 => (&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"], "AWS_ALLOW_HTTP"),
        Service::Gcs => (&["GOOGLE_BASE_URL"], "GOOGLE_ALLOW_HTTP"),
        Service::Azure => (&["AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"], "AZURE_ALLOW_HTTP"),
    };
    let Some(endpoint) = names.iter().find_map(|name| settings.get(name)) else { return Ok(()) };
    if !endpoint.starts_with("http://") || settings.get(allow) == Some("true") {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidInput,
        format!("`{location}` would be read and written without encryption"),
    )
    .because(format!("the environment names the endpoint `{endpoint}`"))
    .then(format!("if that is a server of your own, allow it: `export {allow}=true`"))
    .then("or name its `https://` address"))
}

/// TLS is rustls with ring; the object store's client has none of its own.
fn choose_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error means that the program using this library has chosen already.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// Where credentials come from.
#[derive(Debug)]
enum Source<C> {
    /// Object_store's usual ones, in its order.
    Chain(Arc<dyn CredentialProvider<Credential = C>>),
    /// The environment gives none and forbids to ask the machine.
    Nobody,
}

/// Credentials soon, or a clear error.
struct Prompt<C> {
    service: Service,
    source: Source<C>,
}

impl<C> fmt::Debug for Prompt<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prompt").field("service", &self.service).finish_non_exhaustive()
    }
}

#[async_trait]
impl<C: Send + Sync> CredentialProvider for Prompt<C> {
    type Credential = C;

    async fn get_credential(&self) -> object_store::Result<Arc<C>> {
        let Source::Chain(chain) = &self.source else {
            return Err(no_credentials(
                "none are set, and AWS_EC2_METADATA_DISABLED forbids to ask the machine",
            ));
        };
        match tokio::time::timeout(CREDENTIALS_TIMEOUT, chain.get_credential()).await {
            Ok(Ok(credential)) => Ok(credential),
            Ok(Err(error)) => Err(no_credentials(&causes(&error))),
            Err(_) => Err(no_credentials(&format!("nobody answered in {} s", CREDENTIALS_TIMEOUT.as_secs()))),
        }
    }
}

fn no_credentials(why: &str) -> object_store::Error {
    object_store::Error::Unauthenticated {
        path: String::new(),
        source: format!("{NO_CREDENTIALS}{why}").into(),
    }
}
