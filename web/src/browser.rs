//! The browser around the page: address, clipboard, downloads, storage, the clock.

use engine::bars::UnixNanos;
use js_sys::{Array, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, BlobPropertyBag, Document, HtmlAnchorElement, HtmlElement, Url, Window};

/// The window; there always is one.
#[expect(clippy::expect_used, reason = "the page runs nowhere else")]
pub(crate) fn window() -> Window {
    web_sys::window().expect("the page runs in a window")
}

#[expect(clippy::expect_used, reason = "the page runs nowhere else")]
pub(crate) fn document() -> Document {
    window().document().expect("a window has a document")
}

/// The page's address without its fragment.
pub(crate) fn address() -> String {
    let href = window().location().href().unwrap_or_default();
    href.split('#').next().unwrap_or_default().to_owned()
}

/// The URL fragment with its `#`.
pub(crate) fn fragment() -> String {
    let href = window().location().href().unwrap_or_default();
    href.split_once('#').map(|(_, fragment)| format!("#{fragment}")).unwrap_or_default()
}

/// Puts a fragment into the address bar without loading anything.
pub(crate) fn set_fragment(fragment: &str, keep_history: bool) {
    let Ok(history) = window().history() else { return };
    let outcome = if keep_history {
        history.push_state_with_url(&JsValue::NULL, "", Some(fragment))
    } else {
        history.replace_state_with_url(&JsValue::NULL, "", Some(fragment))
    };
    // Browsers limit how often the address may change; the next change carries this one.
    drop(outcome);
}

/// A value of the page's query, the part before the fragment.
pub(crate) fn query_value(key: &str) -> Option<String> {
    let search = window().location().search().ok()?;
    web_sys::UrlSearchParams::new_with_str(&search).ok()?.get(key).filter(|value| !value.is_empty())
}

/// A URL made absolute against the page; `None` if it is none.
pub(crate) fn absolute(url: &str) -> Option<String> {
    Url::new_with_base(url, &address()).ok().map(|url| url.href())
}

/// The time now.
pub(crate) fn now() -> UnixNanos {
    crate::model::time::from_millis(js_sys::Date::now())
}

/// Copies text; whether that was possible.
pub(crate) async fn copy(text: String) -> bool {
    let navigator = window().navigator();
    let allowed =
        Reflect::get(&navigator, &"clipboard".into()).is_ok_and(|clipboard| !clipboard.is_undefined());
    allowed && JsFuture::from(navigator.clipboard().write_text(&text)).await.is_ok()
}

/// Offers text as a file.
pub(crate) fn download_text(name: &str, mime: &str, text: &str) {
    let options = BlobPropertyBag::new();
    options.set_type(mime);
    if let Ok(blob) = Blob::new_with_str_sequence_and_options(&Array::of1(&text.into()), &options) {
        download(name, &blob);
    }
}

/// Offers a file.
pub(crate) fn download(name: &str, blob: &Blob) {
    let Ok(url) = Url::create_object_url_with_blob(blob) else { return };
    if let Ok(link) = document().create_element("a").map(JsCast::unchecked_into::<HtmlAnchorElement>) {
        link.set_href(&url);
        link.set_download(name);
        link.click();
    }
    drop(Url::revoke_object_url(&url));
}

/// Reads from local storage, which may be forbidden.
pub(crate) fn stored(key: &str) -> Option<String> {
    window().local_storage().ok().flatten()?.get_item(key).ok().flatten()
}

/// Keeps a value in local storage where that is allowed; `None` removes it.
pub(crate) fn store(key: &str, value: Option<&str>) {
    let Ok(Some(storage)) = window().local_storage() else { return };
    drop(match value {
        Some(value) => storage.set_item(key, value),
        None => storage.remove_item(key),
    });
}

/// Moves the focus to the element of this id, if it is there.
pub(crate) fn focus(id: &str) {
    if let Some(element) =
        document().get_element_by_id(id).and_then(|element| element.dyn_into::<HtmlElement>().ok())
    {
        drop(element.focus());
    }
}
