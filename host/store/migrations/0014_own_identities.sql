-- Which identity somebody who signs in is (ADR 11).

-- People of this issuer are identities of the data source: by their subject, or by the mail address
-- that the issuer has verified.
ALTER TABLE data_sources ADD COLUMN issuer_id TEXT REFERENCES issuers (id) ON DELETE SET NULL;
ALTER TABLE data_sources ADD COLUMN known_by TEXT;
CREATE INDEX data_sources_by_issuer ON data_sources (issuer_id);

-- In lower case, as the issuer verified it at the last sign-in. A person's own mail address is another
-- thing: people set it themselves.
ALTER TABLE people ADD COLUMN verified_mail_key TEXT;
