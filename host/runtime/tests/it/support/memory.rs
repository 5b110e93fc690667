//! Lays contract values out in a guest's memory as the canonical ABI wants them.

/// Bytes that will lie in the guest's memory from `base` on.
pub struct Memory {
    base: u32,
    pub bytes: Vec<u8>,
}

impl Memory {
    pub fn at(base: u32) -> Self {
        Self { base, bytes: Vec::new() }
    }

    /// Puts a value down, aligned to 8; returns its address.
    pub fn put(&mut self, value: &[u8]) -> u32 {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let address = self.base + u32::try_from(self.bytes.len()).unwrap();
        self.bytes.extend_from_slice(value);
        address
    }

    /// A string's two words.
    pub fn string(&mut self, text: &str) -> Vec<u8> {
        let address = self.put(text.as_bytes());
        words([address, u32::try_from(text.len()).unwrap()])
    }

    /// A list's two words.
    pub fn list(&mut self, items: &[Vec<u8>]) -> Vec<u8> {
        let address = self.put(&items.concat());
        words([address, u32::try_from(items.len()).unwrap()])
    }

    /// `option<string>`.
    pub fn option_string(&mut self, text: Option<&str>) -> Vec<u8> {
        match text {
            Some(text) => [words([1]), self.string(text)].concat(),
            None => words([0, 0, 0]),
        }
    }
}

pub fn words<const N: usize>(words: [u32; N]) -> Vec<u8> {
    words.into_iter().flat_map(u32::to_le_bytes).collect()
}

/// A manifest with one auth scheme, one host and no kinds.
pub struct TestManifest {
    pub name: String,
    pub version: String,
    pub schema: String,
    pub example: String,
    pub secret_pointer: String,
    pub host: String,
}

impl Default for TestManifest {
    fn default() -> Self {
        let schema = r#"{"type":"object","properties":{"url":{"type":"string"},
            "token":{"type":"string","writeOnly":true}}}"#;
        Self {
            name: "hand-made".to_owned(),
            version: "1.0.0".to_owned(),
            schema: schema.to_owned(),
            example: r#"{"url":"https://example.com"}"#.to_owned(),
            secret_pointer: "/token".to_owned(),
            host: "/url".to_owned(),
        }
    }
}

impl TestManifest {
    /// Lays the manifest out; returns its address.
    pub fn lower(&self, memory: &mut Memory) -> u32 {
        let scheme = [
            memory.string("token"),
            // The case `bearer`, padded to the size of the largest.
            words([0]),
            memory.string(&self.secret_pointer),
            vec![0; 28],
        ]
        .concat();
        let auth = memory.list(&[scheme]);
        let methods = words([0, 0]);
        let host = [
            // The case `from-connection`.
            words([2]),
            memory.string(&self.host),
            methods,
            memory.string(""),
            memory.string("to read it"),
        ]
        .concat();
        let hosts = memory.list(&[host]);
        let record = [
            memory.string(&self.name),
            memory.string(&self.version),
            memory.string("Tests"),
            memory.string("Hand-made"),
            memory.string("A guest made by hand"),
            memory.option_string(None),
            memory.string(&self.example),
            memory.string(&self.schema),
            auth,
            hosts,
            // Both platform actions that tests use: read (0) and write (3).
            memory.list(&[vec![0], vec![3]]),
            words([1]),
            words([0, 0]),
            words([1]),
        ]
        .concat();
        memory.put(&record)
    }
}

/// `result<page, error>` with this many objects; returns its address.
pub fn page(memory: &mut Memory, objects: u32, attributes: u32) -> u32 {
    let kind = memory.string("User");
    let mut rows = Vec::new();
    for number in 0..objects {
        let list: Vec<Vec<u8>> = (0..attributes)
            .map(|index| {
                let text = memory.string(&format!("value {index} of {number}"));
                // The case `text`, its payload aligned to 8.
                let value = [words([0, 0]), text, vec![0; 8]].concat();
                let values = memory.list(&[value]);
                [memory.string(&format!("attribute-{index}")), values, words([0])].concat()
            })
            .collect();
        let list = memory.list(&list);
        let id = memory.string(&format!("user-{number:06}"));
        let display = memory.option_string(Some(&format!("User number {number}")));
        rows.push(
            [
                [kind.clone(), id, words([0, 0, 0]), words([0, 0])].concat(),
                words([0, 0, 0, 0, 0]).to_vec(),
                words([0, 0, 0]),
                display,
                words([0, 0, 0]),
                words([0]),
                list,
                // Two absent `option<s64>`.
                vec![0; 32],
            ]
            .concat(),
        );
        assert_eq!(rows.last().unwrap().len(), 136);
    }
    let objects = memory.list(&rows);
    let page = [
        objects,
        words([0, 0, 0, 0]),
        words([0, 0, 0]),
        words([0]),
        vec![0; 16],
        words([1]),
        vec![0; 28],
        words([0, 0]),
    ]
    .concat();
    assert_eq!(page.len(), 96);
    memory.put(&[vec![0; 8], page].concat())
}
