//! Light and dark; the choice is kept in local storage and nowhere else.

use leptos::prelude::*;

use crate::app::page;
use crate::browser;

const KEY: &str = "barkeep.theme";

/// The chosen theme.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Theme {
    /// As the system is set.
    Auto,
    Light,
    Dark,
}

impl Theme {
    /// The theme chosen last.
    pub(crate) fn stored() -> Self {
        match browser::stored(KEY).as_deref() {
            Some("light") => Self::Light,
            Some("dark") => Self::Dark,
            _ => Self::Auto,
        }
    }

    /// The theme after this one.
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Auto => Self::Light,
            Self::Light => Self::Dark,
            Self::Dark => Self::Auto,
        }
    }

    /// Keeps the choice and applies it.
    pub(crate) fn apply(self) {
        browser::store(KEY, (self != Self::Auto).then_some(self.name()));
        let Some(root) = browser::document().document_element() else { return };
        drop(match self {
            Self::Auto => root.remove_attribute("data-theme"),
            chosen => root.set_attribute("data-theme", chosen.name()),
        });
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// The name that `<bar-chart>` knows a theme by.
pub(crate) fn shown_theme(theme: Theme) -> &'static str {
    theme.name()
}

/// Goes through the themes.
#[component]
pub(crate) fn ThemeSwitch() -> impl IntoView {
    let page = page();
    Effect::new(move |before: Option<()>| {
        let theme = page.theme.get();
        if before.is_some() {
            theme.apply();
        }
    });
    let text = move || match page.theme.get() {
        Theme::Auto => "◐ Auto",
        Theme::Light => "☀ Light",
        Theme::Dark => "☾ Dark",
    };
    view! {
        <button class="theme" title="Theme (t)" aria-label=move || format!("Theme: {}", page.theme.get().name()) on:click=move |_| page.theme.update(|theme| *theme = theme.next())>
            {text}
        </button>
    }
}
