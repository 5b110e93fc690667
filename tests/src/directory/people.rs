//! The people and groups of a fresh directory: an invented company, the same on every start.

use serde_json::{Map, Value, json};

use super::path::ENTERPRISE_USER;
use super::resource::Resource;
use super::store::{Kind, Store};

const DOMAIN: &str = "northwind.example";

const GIVEN_NAMES: &str = "Ada, Alan, Amara, Anaïs, Anton, Beatriz, Björn, Carla, Chidi, Dalia, Edsger, Elif, \
    Emre, Farah, Grace, Hedy, Hiroshi, Ingrid, Ivan, Jürgen, Kateryna, Kofi, Leila, Łukasz, \
    Margaret, Mei, Nadia, Niamh, Olu, Priya, Quentin, Rosa, Samuel, Sofía, Tariq, Uma, \
    Viktor, Wanjiru, Yusuf, Zoë";

const FAMILY_NAMES: &str = "Abebe, Andersson, Bauer, Chen, Costa, Da Silva, Dubois, Eriksen, Fischer, García, \
    Haddad, Hopper, Ito, Jansen, Kowalski, Kumar, Lamarr, Lovelace, Mensah, Moreau, Müller, \
    Nakamura, Novák, O'Brien, Okafor, Petrov, Popescu, Rossi, Sato, Schmidt, Şahin, Singh, \
    Tanaka, Turing, Van Dijk, Wang, Yılmaz";

/// A department and its usual titles.
const DEPARTMENTS: [(&str, [&str; 3]); 8] = [
    ("Engineering", ["Software engineer", "Senior software engineer", "Engineering manager"]),
    ("Operations", ["Site reliability engineer", "Network engineer", "Operations manager"]),
    ("Finance", ["Accountant", "Controller", "Head of finance"]),
    ("Sales", ["Account executive", "Sales engineer", "Sales manager"]),
    ("Support", ["Support engineer", "Support specialist", "Support manager"]),
    ("People", ["Recruiter", "People partner", "Head of people"]),
    ("Legal", ["Counsel", "Privacy officer", "General counsel"]),
    ("Marketing", ["Content designer", "Campaign manager", "Head of marketing"]),
];

/// A group and every how many people one is in it; 0 for the department of that name.
const GROUPS: [(&str, usize); 30] = [
    ("All employees", 1),
    ("Engineering", 0),
    ("Operations", 0),
    ("Finance", 0),
    ("Sales", 0),
    ("Support", 0),
    ("People", 0),
    ("Legal", 0),
    ("Marketing", 0),
    ("VPN users", 2),
    ("Office Vienna", 5),
    ("Office Lisbon", 7),
    ("Remote staff", 3),
    ("Git developers", 6),
    ("Git administrators", 53),
    ("Production read", 11),
    ("Production write", 29),
    ("Database administrators", 61),
    ("Cloud billing viewers", 23),
    ("Cloud billing owners", 97),
    ("Payroll approvers", 71),
    ("Expense approvers", 31),
    ("CRM editors", 9),
    ("CRM exporters", 43),
    ("Ticket agents", 8),
    ("Ticket administrators", 59),
    ("On-call rotation", 19),
    ("Security champions", 17),
    ("Interviewers", 13),
    ("Break-glass administrators", 101),
];

/// A directory with so many people and groups.
pub(super) fn populated(people: usize, groups: usize) -> Store {
    let mut store = Store::default();
    let ids: Vec<String> = (0..people)
        .map(|at| store.create(Kind::User, person(at)).expect("user names differ by construction"))
        .collect();
    for at in 0..groups {
        let group = group(at, &ids);
        store.create(Kind::Group, group).expect("every member was just created");
    }
    store
}

/// Person number `at`; about one in 23 has left and is inactive.
fn person(at: usize) -> Resource {
    // The two lengths, 40 and 37, have no common factor: 1,480 people differ in their names.
    let (given, round) = pick(GIVEN_NAMES, at);
    let (family, _) = pick(FAMILY_NAMES, at);
    let suffix = match round / FAMILY_NAMES.split(", ").count() {
        0 => String::new(),
        round => (round + 1).to_string(),
    };
    let user_name = format!("{}.{}{suffix}@{DOMAIN}", plain(given), plain(family));
    let (department, titles) = DEPARTMENTS[department(at)];
    let title = titles[match at % 12 {
        0 => 2,
        other => other % 2,
    }];
    Resource::new(
        object(json!({
            "userName": user_name,
            "externalId": format!("NW{:05}", at + 1),
            "name": {
                "givenName": given,
                "familyName": family,
                "formatted": format!("{given} {family}"),
            },
            "displayName": format!("{given} {family}"),
            "title": title,
            "active": at % 23 != 22,
            "emails": [{ "value": user_name, "type": "work", "primary": true }],
            ENTERPRISE_USER: {
                "employeeNumber": format!("{}", 1001 + at),
                "department": department,
            },
        })),
        Vec::new(),
    )
}

fn group(at: usize, people: &[String]) -> Resource {
    let (name, every) = GROUPS[at % GROUPS.len()];
    let round = at / GROUPS.len();
    let suffix = if round == 0 { String::new() } else { format!(" {}", round + 1) };
    let is_in = |person: usize| match every {
        0 => DEPARTMENTS[department(person)].0 == name,
        every => (person + at).is_multiple_of(every),
    };
    let members = people.iter().enumerate().filter(|(person, _)| is_in(*person));
    Resource::new(
        object(json!({
            "displayName": format!("{name}{suffix}"),
            "externalId": format!("group-{:03}", at + 1),
        })),
        members.map(|(_, id)| id.clone()).collect(),
    )
}

/// Name number `at` of a list that begins anew at its end, and how often it has.
fn pick(names: &'static str, at: usize) -> (&'static str, usize) {
    let count = names.split(", ").count();
    (names.split(", ").nth(at % count).expect("at modulo the count is within"), at / count)
}

/// A name as in an address.
fn plain(name: &str) -> String {
    let name = name.to_lowercase();
    let plain = name.chars().filter_map(|letter| match letter {
        'á' => Some('a'),
        'ë' => Some('e'),
        'ı' | 'í' | 'ï' => Some('i'),
        'ł' => Some('l'),
        'ö' => Some('o'),
        'ş' => Some('s'),
        'ü' => Some('u'),
        letter => Some(letter).filter(char::is_ascii_alphabetic),
    });
    plain.collect()
}

/// Uneven on purpose: engineering is the largest department.
fn department(person: usize) -> usize {
    [0, 1, 0, 2, 3, 4, 0, 5, 3, 1, 6, 4, 7, 0, 3, 4][person % 16]
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
