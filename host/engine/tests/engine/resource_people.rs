//! People of resources whom a sync recommends (INT-9): followed after a whole run only, and never to
//! nobody.

use grantry_authz::Relation;
use grantry_engine::PeopleChange;
use grantry_model::catalogue::{Attribute, Completeness, Purpose, Value};
use grantry_model::fingerprint::{Domain, Keys};
use grantry_model::ids::IdentityId;
use grantry_model::permission::Entity;
use grantry_model::settings::SettingsChange;

use crate::host::{Host, hosts};

const PEOPLE: &str = "external_id,email\n0,u000@x.example\n1,u001@x.example\n2,u002@x.example\n\
                      3,u003@x.example\n";

impl Host {
    /// Membership of the first group is ownership of it, and of the second that of its maintainers.
    fn with_ownership(&self) {
        self.directory.lock().unwrap().lie = Some(Box::new(|_, page| {
            for object in page.objects.iter_mut().filter(|object| object.id.kind == "User") {
                let values = vec![Value::Text(format!("{}@x.example", object.id.id))];
                let completeness = Completeness::Complete;
                object.attributes = vec![Attribute { name: "emails".into(), values, completeness }];
            }
            for entitlement in &mut page.entitlements {
                entitlement.purpose = Purpose::Ownership;
                if entitlement.on.id == "g01" {
                    entitlement.slug = "maintainer".into();
                }
            }
        }));
    }

    /// Whom the first two groups have; any others keep their members, so that little is lost at once.
    fn only_members(&self, members: &[(&str, &str)]) {
        let mut directory = self.directory.lock().unwrap();
        directory.members.retain(|(group, _)| group.as_str() > "g01");
        let pairs = members.iter().map(|(group, user)| ((*group).into(), (*user).into()));
        directory.members.extend(pairs);
    }

    fn group(&self, id: &str) -> String {
        Keys::of(&self.integration).object(Domain::Resource, "Group", id).text()
    }

    async fn person(&self, people: &Entity, external_id: &str) -> IdentityId {
        let Entity::DataSource(source) = people else { panic!("not a data source") };
        let key = Keys::of(&grantry_model::ids::IntegrationId::parse(source.as_str()).unwrap())
            .object(Domain::Account, "Account", external_id);
        IdentityId::parse(&key.text()).unwrap()
    }

    async fn people_of(&self, group: &str, relation: Relation) -> Vec<IdentityId> {
        let view = self.ctx.resource(&self.group(group)).await.unwrap();
        let of = view.people.into_iter().filter(|person| person.relation == relation);
        of.map(|person| person.identity).collect()
    }

    async fn recommended(&self, group: &str) -> usize {
        self.ctx.resource(&self.group(group)).await.unwrap().recommended.len()
    }

    async fn name_owner(&self, group: &str, owner: &IdentityId) {
        let version = self.ctx.resource(&self.group(group)).await.unwrap().version;
        let change = PeopleChange { owners: Some(vec![owner.clone()]), maintainers: None };
        self.ctx.set_resource_people(&self.group(group), version, &change).await.unwrap();
    }
}

fn assigns(is_on: bool) -> SettingsChange {
    SettingsChange {
        assigns_recommended_owners: Some(is_on),
        assigns_recommended_maintainers: Some(is_on),
        ..SettingsChange::default()
    }
}

const OWNER: Relation = Relation::ResourceOwner;

#[tokio::test]
async fn recommended_people_replace_the_current_ones_where_the_setting_says_so() {
    for host in hosts(4, 2).await {
        host.with_ownership();
        let people = host.data_source().await;
        host.put(&people, PEOPLE).await;
        host.only_members(&[("g00", "u000"), ("g00", "u001"), ("g01", "u002")]);
        host.aggregate().await;
        let named = host.person(&people, "3").await;
        host.name_owner("g00", &named).await;
        host.aggregate().await;
        // Off: the current ones stay, and the recommendation is seen.
        assert_eq!(host.people_of("g00", OWNER).await, std::slice::from_ref(&named));
        assert_eq!((host.recommended("g00").await, host.recommended("g01").await), (2, 1));
        host.set(assigns(true)).await;
        host.aggregate().await;
        let owners = host.people_of("g00", OWNER).await;
        assert!(owners.len() == 2 && !owners.contains(&named), "{owners:?}");
        let maintainer = host.person(&people, "2").await;
        assert_eq!(host.people_of("g01", Relation::Maintainer).await, [maintainer]);
        assert_eq!(host.people_of("g01", OWNER).await, []);
        assert_eq!(host.audited("resource.people_set").await, 3);
        // Once is enough.
        host.aggregate().await;
        assert_eq!(host.audited("resource.people_set").await, 3);
    }
}

#[tokio::test]
async fn nobody_recommended_leaves_the_owners_that_there_are() {
    for host in hosts(20, 3).await {
        host.with_ownership();
        let people = host.data_source().await;
        host.put(&people, PEOPLE).await;
        host.set(assigns(true)).await;
        host.only_members(&[("g00", "u000"), ("g01", "u002")]);
        host.aggregate().await;
        let owner = host.person(&people, "0").await;
        assert_eq!(host.people_of("g00", OWNER).await, std::slice::from_ref(&owner));
        // A holder who is nobody is no recommendation.
        host.put(&people, &PEOPLE.replace("1,u001@x.example\n", "")).await;
        host.only_members(&[("g00", "u001"), ("g01", "u002"), ("g01", "u000")]);
        host.aggregate().await;
        assert_eq!(host.recommended("g00").await, 0);
        assert_eq!(host.people_of("g00", OWNER).await, [owner]);
        assert_eq!(host.people_of("g01", Relation::Maintainer).await.len(), 2);
    }
}

#[tokio::test]
async fn a_run_that_was_not_whole_changes_no_owners() {
    for host in hosts(20, 3).await {
        host.with_ownership();
        let people = host.data_source().await;
        host.put(&people, PEOPLE).await;
        host.set(assigns(true)).await;
        host.only_members(&[("g00", "u000"), ("g01", "u002")]);
        host.aggregate().await;
        let owner = host.person(&people, "0").await;
        host.only_members(&[("g00", "u001"), ("g01", "u002")]);
        host.directory.lock().unwrap().never_complete = true;
        host.aggregate().await;
        assert_eq!(host.people_of("g00", OWNER).await, [owner]);
        host.directory.lock().unwrap().never_complete = false;
        host.aggregate().await;
        assert_eq!(host.people_of("g00", OWNER).await, [host.person(&people, "1").await]);
    }
}

#[tokio::test]
async fn what_goes_takes_its_people_with_it() {
    for host in hosts(4, 2).await {
        host.with_ownership();
        let people = host.data_source().await;
        host.put(&people, PEOPLE).await;
        host.aggregate().await;
        let owner = host.person(&people, "0").await;
        host.name_owner("g00", &owner).await;
        let Entity::DataSource(source) = &people else { panic!("not a data source") };
        let version = host.ctx.data_source(source).await.unwrap().version;
        host.ctx.delete_data_source(source, version).await.unwrap();
        assert_eq!(host.people_of("g00", OWNER).await, []);
        let counts = host.db().count_rows().await.unwrap();
        assert_eq!(counts["resource_people"], 0);
        let version = host.ctx.integration(&host.integration).await.unwrap().integration.version;
        host.ctx.delete_integration(&host.integration, version, false).await.unwrap();
        let counts = host.db().count_rows().await.unwrap();
        assert_eq!(counts["resource_people_versions"], 0);
    }
}
