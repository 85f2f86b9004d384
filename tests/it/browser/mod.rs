//! The product in a real browser: the story of a first afternoon, the same without JavaScript, and accessibility of every page.

mod accessibility;
mod activities;
mod bulk;
mod calendar;
mod comments;
mod crowded;
mod daily;
mod driver;
mod duplicates;
mod figures;
mod files;
mod forecast;
mod framed;
mod imports;
mod lines;
mod lists;
mod mails;
mod notifications;
mod passing;
mod refresh;
mod rows;
mod series;
mod shell;
mod story;
mod touch;
mod views;
