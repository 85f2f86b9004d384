//! What members are told of. Each kind is a row of Settings → Notifications and has the ways in which those are told who chose none.

/// When a notice goes by mail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ByMail {
    Off,
    Now,
    Daily,
    Weekly,
}

impl ByMail {
    pub const ALL: [ByMail; 4] = [ByMail::Off, ByMail::Now, ByMail::Daily, ByMail::Weekly];

    pub fn key(self) -> &'static str {
        match self {
            ByMail::Off => "off",
            ByMail::Now => "now",
            ByMail::Daily => "daily",
            ByMail::Weekly => "weekly",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            ByMail::Off => "No mail",
            ByMail::Now => "At once",
            ByMail::Daily => "Every morning",
            ByMail::Weekly => "On Mondays",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.key() == text)
    }
}

/// The ways in which a member is told of a kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ways {
    /// In the notification centre, and counted at the bell.
    pub centre: bool,
    pub browser: bool,
    pub mail: ByMail,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident $key:literal, $icon:literal, $label:literal, $browser:literal, $mail:ident;)+) => {
        /// What happened, as far as the reader's choice goes.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Kind {
            $($(#[$doc])* $name),+
        }

        impl Kind {
            /// In the order in which settings show them.
            pub const ALL: &[Kind] = &[$(Kind::$name),+];

            pub fn key(self) -> &'static str {
                match self { $(Kind::$name => $key),+ }
            }

            pub fn icon(self) -> &'static str {
                match self { $(Kind::$name => $icon),+ }
            }

            pub fn label(self) -> &'static str {
                match self { $(Kind::$name => $label),+ }
            }

            /// For who chose nothing else.
            pub fn ways(self) -> Ways {
                match self { $(Kind::$name => Ways { centre: true, browser: $browser, mail: ByMail::$mail }),+ }
            }
        }
    };
}

kinds! {
    /// A record, activity or task became the reader's to look after.
    Assigned "assigned", "user-check", "Something is assigned to you", true, Now;
    /// A colleague made them take part in an activity.
    Invited "invited", "calendar-plus", "You are asked to take part in an activity", true, Now;
    /// Another time or place, called off, deleted; or back after all.
    Changed "changed", "calendar-time", "Something you take part in, follow or gave away gets another time or is called off", true, Now;
    /// It is done, or stands elsewhere.
    Progress "progress", "progress", "Something you take part in, follow or gave away is done, or gets another status", true, Off;
    Mention "mention", "at", "Someone mentions you", true, Now;
    Comment "comment", "message", "Someone writes a comment or note on what you follow", true, Daily;
    Reaction "reaction", "thumb-up", "Someone reacts to what you wrote", false, Off;
    Moved "moved", "switch-horizontal", "A deal you follow moves to another stage", false, Off;
    /// Won, lost or opened again.
    Closed "closed", "trophy", "A deal you follow is won, lost or reopened", true, Daily;
    HandedOver "handed_over", "users", "What you follow gets another owner", false, Off;
    Reminder "reminder", "bell", "An activity or task is about to begin (reminders)", true, Off;
    Overdue "overdue", "clock-exclamation", "A task of yours is overdue", false, Daily;
    /// A contact or colleague answered an invitation to an activity.
    Responded "responded", "calendar-check", "Someone answers your invitation", true, Off;
    MailAnswered "answered", "inbox", "Mail that you sent is answered", true, Off;
    MailBounced "bounced", "alert-triangle", "Mail that you sent comes back", true, Now;
    Matches "matches", "filter", "A view you watch has new matches", false, Now;
    /// An automation of a pipeline was told to say something.
    Automation "automation", "bolt", "An automation tells you something", true, Now;
    /// An import, an export or a change of many records.
    Finished "finished", "checks", "An import, export or bulk change is finished", true, Off;
    Quarantined "quarantined", "alert-triangle", "A file you added is in quarantine", true, Now;
    Joined "joined", "user-plus", "Someone joins the organisation", false, Off;
}

impl Kind {
    pub fn parse(key: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.key() == key)
    }

    /// Meant for one person: told even of a record that they muted.
    pub(super) fn is_personal(self) -> bool {
        matches!(self, Kind::Assigned | Kind::Invited | Kind::Mention)
    }

    /// Told to whoever set it going as well: it comes later, when they look elsewhere.
    pub(super) fn reaches_doer(self) -> bool {
        matches!(self, Kind::Reminder | Kind::Overdue | Kind::Matches | Kind::Finished)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_back() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.key()), Some(*kind));
        }
        for way in ByMail::ALL {
            assert_eq!(ByMail::parse(way.key()), Some(way));
        }
    }
}
