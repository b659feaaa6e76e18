BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0003');
CREATE TABLE audit_event (
	id CHAR(32) NOT NULL, 
	team_id VARCHAR NOT NULL, 
	actor VARCHAR NOT NULL, 
	action VARCHAR NOT NULL, 
	subject VARCHAR NOT NULL, 
	details JSON NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_audit_event PRIMARY KEY (id)
);
INSERT INTO "audit_event" VALUES('7b651bed88b1493cb807069f997eda81','T0ACME','U0ANNA','category.merged','wifi','{"into": "network", "labels": 1}','2026-11-08 10:00:00.000000');
INSERT INTO "audit_event" VALUES('87fdbc31ef83477c84957fc4bded85fe','T0ACME','fingerpost','model.activated','20261129T092341Z-bbe4d3','{}','2026-11-02 10:00:00.000000');
CREATE TABLE "category" (
	id CHAR(32) NOT NULL, 
	team_id VARCHAR NOT NULL, 
	slug VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	emoji VARCHAR NOT NULL, 
	description TEXT NOT NULL, 
	destination VARCHAR, 
	position INTEGER NOT NULL, 
	state VARCHAR(32) NOT NULL, 
	merged_into VARCHAR, 
	created_at DATETIME, 
	created_by VARCHAR, 
	CONSTRAINT pk_category PRIMARY KEY (id), 
	CONSTRAINT uq_category_team_id_slug UNIQUE (team_id, slug), 
	CONSTRAINT ck_category_state CHECK (state IN ('active', 'retired'))
);
INSERT INTO "category" VALUES('fd11220b59b34daeb970ced8d14189e2','T0ACME','billing','Billing','credit_card','Invoices and refunds','team-billing',0,'active',NULL,NULL,NULL);
INSERT INTO "category" VALUES('66d04fe5ca12498999837a066b3bbb4e','T0ACME','login','Sign-in','key','Passwords and codes','team-login',1,'active',NULL,NULL,NULL);
INSERT INTO "category" VALUES('055e28ec5e9c4a6dbdcee409ac51724d','T0ACME','network','Network','satellite_antenna','Wi-Fi and VPN',NULL,2,'active',NULL,NULL,NULL);
INSERT INTO "category" VALUES('ae8a645ea0cd4928878776278c5fe77d','T0ACME','wifi','Wi-Fi','signal_strength','Wi-Fi alone',NULL,3,'retired','network',NULL,NULL);
INSERT INTO "category" VALUES('d51c08d07a6d46f5ad9be31918b1328e','T0ACME','canteen','Canteen','fork_and_knife','Lunch','team-canteen',4,'active',NULL,'2026-11-09 09:00:00.000000','U0ANNA');
CREATE TABLE category_proposal (
	id CHAR(32) NOT NULL, 
	team_id VARCHAR NOT NULL, 
	"key" VARCHAR NOT NULL, 
	words JSON NOT NULL, 
	ticket_ids JSON NOT NULL, 
	state VARCHAR(32) NOT NULL, 
	created_at DATETIME NOT NULL, 
	settled_at DATETIME, 
	settled_by VARCHAR, 
	CONSTRAINT pk_category_proposal PRIMARY KEY (id), 
	CONSTRAINT uq_category_proposal_team_id_key UNIQUE (team_id, "key"), 
	CONSTRAINT ck_category_proposal_state CHECK (state IN ('open', 'accepted', 'dismissed'))
);
INSERT INTO "category_proposal" VALUES('c59c05277d0b4802bb5fe5b85628516c','T0ACME','lunch','["lunch", "please"]','["6c4acf7f-98ef-4500-a5ac-323e882c126f", "c82e1d8a-c4af-488f-be0c-8aef29ea8d83"]','open','2026-11-02 10:00:00.000000',NULL,NULL);
INSERT INTO "category_proposal" VALUES('b1e4b87595974228b5c8222c55d2c7a6','T0ACME','code','["code", "please"]','["6f6b56d0-d22a-48d5-848e-86f18a1d11e3"]','accepted','2026-11-02 10:00:00.000000','2026-11-03 10:00:00.000000','U0ANNA');
CREATE TABLE channel_setting (
	id CHAR(32) NOT NULL, 
	team_id VARCHAR NOT NULL, 
	channel_id VARCHAR NOT NULL, 
	enabled BOOLEAN NOT NULL, 
	threshold DOUBLE, 
	updated_at DATETIME NOT NULL, 
	updated_by VARCHAR NOT NULL, 
	CONSTRAINT pk_channel_setting PRIMARY KEY (id), 
	CONSTRAINT uq_channel_setting_team_id_channel_id UNIQUE (team_id, channel_id)
);
INSERT INTO "channel_setting" VALUES('668e7e6060b0415f9f08a464f15510f7','T0ACME','C0HELP',1,0.75,'2026-11-02 10:00:00.000000','U0ANNA');
INSERT INTO "channel_setting" VALUES('359dfa8a0295482497d14fed1f6cca95','T0ACME','C0TEAM',0,NULL,'2026-11-02 10:00:00.000000','U0ANNA');
CREATE TABLE drift_state (
	id CHAR(32) NOT NULL, 
	team_id VARCHAR NOT NULL, 
	signal VARCHAR NOT NULL, 
	state JSON NOT NULL, 
	seen_until DATETIME, 
	alerted_at DATETIME, 
	updated_at DATETIME NOT NULL, 
	CONSTRAINT pk_drift_state PRIMARY KEY (id), 
	CONSTRAINT uq_drift_state_team_id_signal UNIQUE (team_id, signal)
);
INSERT INTO "drift_state" VALUES('11a318755981451898700585fd9e304e','T0ACME','corrections','{"adwin": {"delta": 0.002, "buckets": [[8, 0.8, 0.0, 1793613600.0], [8, 0.8, 0.0, 1793614080.0], [8, 0.8, 0.0, 1793614560.0], [8, 0.8, 0.0, 1793615040.0], [4, 0.4, 0.0, 1793615520.0], [4, 0.4, 0.0, 1793615760.0], [4, 3.6, 0.0, 1793616000.0], [4, 3.6, 0.0, 1793616240.0], [2, 1.8, 0.0, 1793616480.0], [2, 1.8, 0.0, 1793616600.0], [2, 1.8, 0.0, 1793616720.0], [2, 1.8, 0.0, 1793616840.0], [1, 0.9, 0.0, 1793616960.0], [1, 0.9, 0.0, 1793617020.0], [1, 0.9, 0.0, 1793617080.0], [1, 0.9, 0.0, 1793617140.0]]}, "model_version": "", "alerted_until": 0.0, "change": {"since": 1793613600.0, "before": 0.1, "after": 0.9}}','2026-11-02 11:00:00.000000','2026-11-02 11:00:00.000000','2026-11-02 11:00:00.000000');
INSERT INTO "drift_state" VALUES('30ac61df42674981b59ff26bf52b23d6','T0ACME','confidence','{"adwin": {"delta": 0.002, "buckets": [[8, 0.8, 0.0, 1793613600.0], [8, 0.8, 0.0, 1793614080.0], [8, 0.8, 0.0, 1793614560.0], [8, 0.8, 0.0, 1793615040.0], [4, 0.4, 0.0, 1793615520.0], [4, 0.4, 0.0, 1793615760.0], [4, 3.6, 0.0, 1793616000.0], [4, 3.6, 0.0, 1793616240.0], [2, 1.8, 0.0, 1793616480.0], [2, 1.8, 0.0, 1793616600.0], [2, 1.8, 0.0, 1793616720.0], [2, 1.8, 0.0, 1793616840.0], [1, 0.9, 0.0, 1793616960.0], [1, 0.9, 0.0, 1793617020.0], [1, 0.9, 0.0, 1793617080.0], [1, 0.9, 0.0, 1793617140.0]]}, "model_version": "20261129T092341Z-bbe4d3", "alerted_until": 0.0, "change": {"since": 1793613600.0, "before": 0.1, "after": 0.9}}','2026-11-02 11:00:00.000000',NULL,'2026-11-02 11:00:00.000000');
CREATE TABLE gold_ticket (
	id CHAR(32) NOT NULL, 
	team_id VARCHAR NOT NULL, 
	ticket_id CHAR(32) NOT NULL, 
	category VARCHAR, 
	added_by VARCHAR NOT NULL, 
	added_at DATETIME NOT NULL, 
	CONSTRAINT pk_gold_ticket PRIMARY KEY (id), 
	CONSTRAINT fk_gold_ticket_team_id_ticket_id_ticket FOREIGN KEY(team_id, ticket_id) REFERENCES ticket (team_id, id) ON DELETE CASCADE, 
	CONSTRAINT uq_gold_ticket_ticket_id UNIQUE (ticket_id)
);
INSERT INTO "gold_ticket" VALUES('e257f3ce001c452295b4a0b5f6e539ca','T0ACME','616fd6d8cc414c73a26c0e694cf03cad','login','U0ANNA','2026-11-02 10:00:00.000000');
CREATE TABLE inbox_event (
	id CHAR(32) NOT NULL, 
	team_id VARCHAR NOT NULL, 
	event_id VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	payload JSON NOT NULL, 
	state VARCHAR(32) NOT NULL, 
	attempts INTEGER NOT NULL, 
	next_attempt_at DATETIME NOT NULL, 
	lease_until DATETIME, 
	worker VARCHAR, 
	last_error TEXT, 
	received_at DATETIME NOT NULL, 
	CONSTRAINT pk_inbox_event PRIMARY KEY (id), 
	CONSTRAINT uq_inbox_event_team_id_event_id UNIQUE (team_id, event_id), 
	CONSTRAINT ck_inbox_event_state CHECK (state IN ('pending', 'working', 'done', 'dead'))
);
INSERT INTO "inbox_event" VALUES('8b0224d3ca0844f99ed4c5611937e878','T0ACME','Ev0','message','{}','done',1,'2026-11-02 10:00:00.000000',NULL,NULL,NULL,'2026-11-02 09:00:00.000000');
INSERT INTO "inbox_event" VALUES('a9f66a3f493b4d1181ae568fb3e2d94a','T0ACME','Ev1','message','{"event": {"type": "message", "channel": "C0HELP", "user": "U0SAM", "text": "hello"}}','dead',1,'2026-11-02 10:00:00.000000',NULL,NULL,'KeyError: ''text''','2026-11-02 09:01:00.000000');
INSERT INTO "inbox_event" VALUES('3c3543faf44c4b72a6e1330d3f76465d','T0ACME','Ev2','message','{"event": {"type": "message", "channel": "C0HELP", "user": "U0SAM", "text": "hello"}}','working',1,'2026-11-02 09:02:00.000000','2026-11-02 10:01:00.000000','bot-1',NULL,'2026-11-02 09:02:00.000000');
INSERT INTO "inbox_event" VALUES('e580ea8bb0684b6caecbfde5c4b9f66d','T0ACME','Ev3','message','{"event": {"type": "message", "channel": "C0HELP", "user": "U0SAM", "text": "hello"}}','pending',0,'2026-11-02 09:03:00.000000',NULL,NULL,NULL,'2026-11-02 09:03:00.000000');
CREATE TABLE "label" (
	id CHAR(32) NOT NULL, 
	team_id VARCHAR NOT NULL, 
	ticket_id CHAR(32) NOT NULL, 
	category VARCHAR, 
	user_id VARCHAR NOT NULL, 
	role VARCHAR(32) NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	source VARCHAR(32) NOT NULL, 
	detail VARCHAR, 
	created_at DATETIME NOT NULL, 
	withdrawn_at DATETIME, 
	moved_from VARCHAR, 
	CONSTRAINT pk_label PRIMARY KEY (id), 
	CONSTRAINT ck_label_role CHECK (role IN ('admin', 'owner', 'staff', 'import')), 
	CONSTRAINT fk_label_team_id_ticket_id_ticket FOREIGN KEY(team_id, ticket_id) REFERENCES ticket (team_id, id) ON DELETE CASCADE, 
	CONSTRAINT ck_label_kind CHECK (kind IN ('confirmation', 'correction', 'none_of_these', 'imported')), 
	CONSTRAINT ck_label_source CHECK (source IN ('reaction', 'button', 'menu', 'import', 'question', 'review', 'categories'))
);
INSERT INTO "label" VALUES('7deea12fdfc0484892da44c14fcc0131','T0ACME','616fd6d8cc414c73a26c0e694cf03cad','login','U0LENA','staff','confirmation','reaction','white_check_mark','2026-11-02 10:00:00.000000',NULL,NULL);
INSERT INTO "label" VALUES('df0c23ff06d5415eb7d9bebfd8dcee92','T0ACME','4d105168c0c34b4c84a33d3c678f5d8b','login','U0LENA','owner','correction','menu',NULL,'2026-11-03 10:00:00.000000','2026-11-03 10:01:00.000000',NULL);
INSERT INTO "label" VALUES('dbc3906428224635928c575ab7acf6a3','T0ACME','4d105168c0c34b4c84a33d3c678f5d8b','billing','U0LENA','owner','correction','button',NULL,'2026-11-03 10:01:00.000000',NULL,NULL);
INSERT INTO "label" VALUES('941de84c4cc54685b495983de3e2d7f4','T0ACME','4d105168c0c34b4c84a33d3c678f5d8b','login','U0OMAR','staff','correction','button',NULL,'2026-11-03 10:00:00.000000',NULL,NULL);
INSERT INTO "label" VALUES('225460a4257542bca89be495ea4fe445','T0ACME','6f6b56d0d22a48d5848e86f18a1d11e3','login','U0ANNA','admin','correction','question',NULL,'2026-11-04 10:00:00.000000',NULL,NULL);
INSERT INTO "label" VALUES('c4943764140947ad80b3854dc837fcaa','T0ACME','6c4acf7f98ef4500a5ac323e882c126f',NULL,'U0LENA','staff','none_of_these','button',NULL,'2026-11-05 10:00:00.000000',NULL,NULL);
INSERT INTO "label" VALUES('752b13af13244952bc9612fe85f5b971','T0ACME','c82e1d8ac4af488fbe0c8aef29ea8d83','network','U0LENA','staff','correction','review',NULL,'2026-11-06 10:00:00.000000',NULL,'wifi');
INSERT INTO "label" VALUES('79723bd840be40d38bcf98c2fb46d5b2','T0ACME','c82e1d8ac4af488fbe0c8aef29ea8d83','network','U0OMAR','staff','confirmation','reaction','+1','2026-11-06 10:00:00.000000',NULL,NULL);
INSERT INTO "label" VALUES('ba89107793ba4d15aa7eddb283cff4a6','T0ACME','5bc59f7a1d734efabf44e9f006ba76ea','billing','import','import','imported','import',NULL,'2026-11-07 10:00:00.000000',NULL,NULL);
INSERT INTO "label" VALUES('9cceed10ab7043ad9090e277bfc53885','T0ACME','ed09f2bb00c94a09b54a19799ddb500c','network','U0OMAR','staff','correction','reaction','wifi','2026-11-08 10:00:00.000000','2026-11-08 10:01:00.000000',NULL);
CREATE TABLE label_review (
	id CHAR(32) NOT NULL, 
	team_id VARCHAR NOT NULL, 
	ticket_id CHAR(32) NOT NULL, 
	given VARCHAR, 
	suggested VARCHAR, 
	score DOUBLE NOT NULL, 
	state VARCHAR(32) NOT NULL, 
	created_at DATETIME NOT NULL, 
	settled_at DATETIME, 
	settled_by VARCHAR, 
	CONSTRAINT pk_label_review PRIMARY KEY (id), 
	CONSTRAINT fk_label_review_team_id_ticket_id_ticket FOREIGN KEY(team_id, ticket_id) REFERENCES ticket (team_id, id) ON DELETE CASCADE, 
	CONSTRAINT ck_label_review_state CHECK (state IN ('open', 'kept', 'changed'))
);
INSERT INTO "label_review" VALUES('27ceb23557c440df933bc160f07f5aaf','T0ACME','6f6b56d0d22a48d5848e86f18a1d11e3','login','network',0.9,'open','2026-11-02 10:00:00.000000',NULL,NULL);
INSERT INTO "label_review" VALUES('53af5538b025492cbc549a431b25063c','T0ACME','5bc59f7a1d734efabf44e9f006ba76ea','billing',NULL,0.6,'kept','2026-11-02 10:00:00.000000','2026-11-08 10:00:00.000000','U0ANNA');
CREATE TABLE "model_version" (
	id CHAR(32) NOT NULL, 
	team_id VARCHAR NOT NULL, 
	version VARCHAR NOT NULL, 
	path VARCHAR NOT NULL, 
	parent VARCHAR, 
	kind VARCHAR(32) NOT NULL, 
	metrics JSON NOT NULL, 
	state VARCHAR(32) NOT NULL, 
	manifest_hash VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	activated_at DATETIME, 
	shadow_until DATETIME, 
	CONSTRAINT pk_model_version PRIMARY KEY (id), 
	CONSTRAINT ck_model_version_kind CHECK (kind IN ('day_one', 'fine_tune', 'head')), 
	CONSTRAINT uq_model_version_team_id_version UNIQUE (team_id, version), 
	CONSTRAINT ck_model_version_state CHECK (state IN ('candidate', 'active', 'retired', 'refused', 'shadow'))
);
INSERT INTO "model_version" VALUES('55113fb77447451bb3162398c8262e7b','T0ACME','20261128T092339Z-b0f849','models/20261128T092339Z-b0f849',NULL,'day_one','{"accuracy": 0.9, "interval": [0.8, 0.95], "n": 45}','retired','4775252402448645e2c02c2bef0018c297e88c73b04dd8d4c61a28602d55f98f','2026-11-02 09:00:00.000000','2026-11-02 09:00:00.000000',NULL);
INSERT INTO "model_version" VALUES('965bd9e0397b4d6cb912c96ad1281200','T0ACME','20261129T092341Z-bbe4d3','models/20261129T092341Z-bbe4d3','20261128T092339Z-b0f849','fine_tune','{"accuracy": 0.9, "interval": [0.8, 0.95], "n": 45}','retired','1583b3920e3cb3fd1f8f6971fb452ef7135e57f9b4e87d9e5590e26fb1bec34e','2026-11-02 09:00:00.000000','2026-11-02 09:00:00.000000',NULL);
INSERT INTO "model_version" VALUES('26dd52e62d6c4aec846104d2ad7a3f1b','T0ACME','20261129T092357Z-963b95','models/20261129T092357Z-963b95','20261129T092341Z-bbe4d3','head','{"accuracy": 0.9, "interval": [0.8, 0.95], "n": 45}','active','a0ea986643fcbb46a278545ad2e84686c786ae6bd632a3453cf150f7bd8791d4','2026-11-02 09:00:00.000000','2026-11-02 09:00:00.000000',NULL);
INSERT INTO "model_version" VALUES('755992cd324c41fe8df061e3b18a79a9','T0ACME','20261101T000000Z-000000','models/20261101T000000Z-000000',NULL,'fine_tune','{"accuracy": 0.5}','refused','1111111111111111111111111111111111111111111111111111111111111111','2026-11-02 09:00:00.000000',NULL,NULL);
INSERT INTO "model_version" VALUES('5a474b24ae8842389e353c026e721fdb','T0ACME','20261102T000000Z-000001','models/20261102T000000Z-000001',NULL,'fine_tune','{"accuracy": 0.5, "shadow": {"told": false, "answered": 2}}','candidate','1111111111111111111111111111111111111111111111111111111111111111','2026-11-02 09:00:00.000000',NULL,NULL);
INSERT INTO "model_version" VALUES('85198d9cccbc491b9dbfb1813a71427f','T0ACME','20261103T000000Z-000002','models/20261103T000000Z-000002',NULL,'fine_tune','{"accuracy": 0.5}','shadow','1111111111111111111111111111111111111111111111111111111111111111','2026-11-02 09:00:00.000000',NULL,'2026-12-02 09:00:00.000000');
CREATE TABLE person_trust (
	id CHAR(32) NOT NULL, 
	team_id VARCHAR NOT NULL, 
	user_id VARCHAR NOT NULL, 
	judged INTEGER NOT NULL, 
	lost INTEGER NOT NULL, 
	capped BOOLEAN NOT NULL, 
	updated_at DATETIME NOT NULL, 
	CONSTRAINT pk_person_trust PRIMARY KEY (id), 
	CONSTRAINT uq_person_trust_team_id_user_id UNIQUE (team_id, user_id)
);
INSERT INTO "person_trust" VALUES('48427d2e2cc14bb08bdc0512cfd42e99','T0ACME','U0OMAR',1,1,0,'2026-11-08 10:00:00.000000');
CREATE TABLE "prediction" (
	id CHAR(32) NOT NULL, 
	team_id VARCHAR NOT NULL, 
	ticket_id CHAR(32) NOT NULL, 
	model_version VARCHAR NOT NULL, 
	category VARCHAR NOT NULL, 
	confidence DOUBLE NOT NULL, 
	alternatives JSON NOT NULL, 
	words JSON NOT NULL, 
	out_of_scope DOUBLE NOT NULL, 
	decision VARCHAR(32) NOT NULL, 
	embedding BLOB, 
	truncated BOOLEAN NOT NULL, 
	created_at DATETIME NOT NULL, 
	remembered_ticket_id CHAR(32), 
	CONSTRAINT pk_prediction PRIMARY KEY (id), 
	CONSTRAINT fk_prediction_team_id_ticket_id_ticket FOREIGN KEY(team_id, ticket_id) REFERENCES ticket (team_id, id) ON DELETE CASCADE, 
	CONSTRAINT ck_prediction_decision CHECK (decision IN ('new', 'routed', 'asked', 'out_of_scope'))
);
INSERT INTO "prediction" VALUES('29905a95bbe94be4aae1652216023901','T0ACME','616fd6d8cc414c73a26c0e694cf03cad','20261129T092341Z-bbe4d3','login',0.9,'[["login", 0.9], ["network", 0.1]]','[{"text": "password", "start": 3, "end": 8, "score": 0.7}]',0.05,'routed',X'2FDDA43FD578B93F022B873D0AD743BFA8C68BBFB6F3FD3CE5D082BF9EEFB7BF',0,'2026-11-02 09:00:00.000000',NULL);
INSERT INTO "prediction" VALUES('f2feddc762924706b036a8c96e7cf7ee','T0ACME','4d105168c0c34b4c84a33d3c678f5d8b','20261129T092341Z-bbe4d3','billing',0.85,'[["billing", 0.85], ["network", 0.1]]','[{"text": "invoice", "start": 3, "end": 8, "score": 0.7}]',0.05,'routed',X'A8C64B3E2731083EA8C60B3FE7FB69BF0AD7A33BB81E85BD9CC4C0BF5EBA093F',0,'2026-11-03 09:00:00.000000',NULL);
INSERT INTO "prediction" VALUES('8c3dec49a3ce49c9aaa3aa694d8e1904','T0ACME','6f6b56d0d22a48d5848e86f18a1d11e3','20261129T092341Z-bbe4d3','login',0.8,'[["login", 0.8], ["network", 0.1]]','[{"text": "with", "start": 3, "end": 8, "score": 0.7}]',0.05,'asked',X'1D5AA43E60E518403BDF4F3EE17A14BEF2D29D3FA8C64B3E39B4683F5A64BBBE',0,'2026-11-04 09:00:00.000000',NULL);
INSERT INTO "prediction" VALUES('889a8f86d20a414a8c97c4491593a815','T0ACME','6c4acf7f98ef4500a5ac323e882c126f','20261129T092341Z-bbe4d3','login',0.75,'[["login", 0.75], ["network", 0.1]]','[{"text": "on", "start": 3, "end": 8, "score": 0.7}]',0.8,'out_of_scope',X'643B5F3E6F12833F0E2D323F6F12033EFA7E8ABF0AD7E33E2DB29D3DEC51383F',1,'2026-11-05 09:00:00.000000',NULL);
INSERT INTO "prediction" VALUES('98aa2e43774b49b7946753f1281be5cc','T0ACME','c82e1d8ac4af488fbe0c8aef29ea8d83','20261129T092341Z-bbe4d3','network',0.7,'[["network", 0.7], ["login", 0.1]]','[{"text": "vpn", "start": 3, "end": 8, "score": 0.7}]',0.05,'routed',X'1B2F5D3E96438B3FF4FD54BD17D94E3E83C02A3FD1228BBFF2D2CDBE000000BF',0,'2026-11-06 09:00:00.000000',NULL);
INSERT INTO "prediction" VALUES('35e4127d72994c9c95b02d04b8dad39e','T0ACME','5bc59f7a1d734efabf44e9f006ba76ea','20261129T092341Z-bbe4d3','login',0.65,'[["login", 0.65], ["network", 0.1]]','[{"text": "is", "start": 3, "end": 8, "score": 0.7}]',0.05,'asked',X'6891FD3FC976BEBD79E9263FC9761E3F3BDF8FBE2B87C6BF3D0A773F4E62D0BE',0,'2026-11-07 09:00:00.000000',NULL);
INSERT INTO "prediction" VALUES('9c13da83150e49e68c3a95dfed18f445','T0ACME','ed09f2bb00c94a09b54a19799ddb500c','20261129T092341Z-bbe4d3','login',6.00000000000000088817e-01,'[["login", 0.6000000000000001], ["network", 0.1]]','[{"text": "account", "start": 3, "end": 8, "score": 0.7}]',0.05,'routed',X'D9CE373F3D0AA7BF8941E0BE60E5A03F022BB73FF0A7A6BFBE9FAABF583934BD',0,'2026-11-08 09:00:00.000000','616fd6d8cc414c73a26c0e694cf03cad');
CREATE TABLE question (
	id CHAR(32) NOT NULL, 
	team_id VARCHAR NOT NULL, 
	ticket_id CHAR(32) NOT NULL, 
	day VARCHAR NOT NULL, 
	slot INTEGER NOT NULL, 
	channel_id VARCHAR NOT NULL, 
	gain DOUBLE NOT NULL, 
	state VARCHAR(32) NOT NULL, 
	created_at DATETIME NOT NULL, 
	answered_at DATETIME, 
	CONSTRAINT pk_question PRIMARY KEY (id), 
	CONSTRAINT fk_question_team_id_ticket_id_ticket FOREIGN KEY(team_id, ticket_id) REFERENCES ticket (team_id, id) ON DELETE CASCADE, 
	CONSTRAINT uq_question_team_id_day_slot UNIQUE (team_id, day, slot), 
	CONSTRAINT uq_question_ticket_id UNIQUE (ticket_id), 
	CONSTRAINT ck_question_state CHECK (state IN ('posted', 'answered'))
);
INSERT INTO "question" VALUES('a0103a8801ca4cb694711832a421f923','T0ACME','6f6b56d0d22a48d5848e86f18a1d11e3','2026-11-04',0,'C0HELP',0.7,'answered','2026-11-04 10:00:00.000000','2026-11-04 11:00:00.000000');
INSERT INTO "question" VALUES('46c7c0334b8c48d1b43e4e858401ca1a','T0ACME','5bc59f7a1d734efabf44e9f006ba76ea','2026-11-04',1,'C0HELP',0.4,'posted','2026-11-04 10:00:00.000000',NULL);
CREATE TABLE reply (
	id CHAR(32) NOT NULL, 
	team_id VARCHAR NOT NULL, 
	ticket_id CHAR(32), 
	surface VARCHAR NOT NULL, 
	channel_id VARCHAR NOT NULL, 
	thread_ts VARCHAR, 
	text TEXT NOT NULL, 
	blocks JSON NOT NULL, 
	state VARCHAR(32) NOT NULL, 
	ts VARCHAR, 
	attempts INTEGER NOT NULL, 
	next_attempt_at DATETIME NOT NULL, 
	last_error TEXT, 
	created_at DATETIME NOT NULL, 
	sent_at DATETIME, 
	CONSTRAINT pk_reply PRIMARY KEY (id), 
	CONSTRAINT fk_reply_team_id_ticket_id_ticket FOREIGN KEY(team_id, ticket_id) REFERENCES ticket (team_id, id) ON DELETE CASCADE, 
	CONSTRAINT uq_reply_ticket_id_surface UNIQUE (ticket_id, surface), 
	CONSTRAINT ck_reply_state CHECK (state IN ('pending', 'sending', 'sent', 'failed'))
);
INSERT INTO "reply" VALUES('61f0b29a49f84578a0efce16bf316e19','T0ACME','616fd6d8cc414c73a26c0e694cf03cad','card','C0HELP','1793610000.000000','Sign-in','[{"type": "section", "text": {"type": "mrkdwn", "text": "*Sign-in*"}}]','sent','1793610001.000100',1,'2026-11-02 10:01:00.000000',NULL,'2026-11-02 09:00:00.000000','2026-11-02 10:00:00.000000');
INSERT INTO "reply" VALUES('aa189d8df4d44019b089286949b82140','T0ACME','616fd6d8cc414c73a26c0e694cf03cad','team_card:login','C0HELP','1793610000.000000','Sign-in','[{"type": "section", "text": {"type": "mrkdwn", "text": "*Sign-in*"}}]','failed',NULL,1,'2026-11-02 10:01:00.000000','channel_not_found','2026-11-02 09:01:00.000000',NULL);
INSERT INTO "reply" VALUES('135cf43b41b34e04b7206de1a7cb3922','T0ACME','616fd6d8cc414c73a26c0e694cf03cad','team_moved:login','C0HELP','1793610000.000000','Sign-in','[{"type": "section", "text": {"type": "mrkdwn", "text": "*Sign-in*"}}]','sending',NULL,1,'2026-11-02 10:01:00.000000',NULL,'2026-11-02 09:02:00.000000',NULL);
INSERT INTO "reply" VALUES('214fcf3616fe4c2087d5dda993a8a712','T0ACME','616fd6d8cc414c73a26c0e694cf03cad','why:1','C0HELP','1793610000.000000','Sign-in','[{"type": "section", "text": {"type": "mrkdwn", "text": "*Sign-in*"}}]','pending',NULL,0,'2026-11-02 09:03:00.000000',NULL,'2026-11-02 09:03:00.000000',NULL);
CREATE TABLE "retrain_run" (
	id CHAR(32) NOT NULL, 
	team_id VARCHAR NOT NULL, 
	slot VARCHAR NOT NULL, 
	state VARCHAR(32) NOT NULL, 
	requested_by VARCHAR NOT NULL, 
	source VARCHAR(32) NOT NULL, 
	channel_id VARCHAR, 
	message_ts VARCHAR, 
	lease_holder VARCHAR, 
	lease_until DATETIME, 
	fence INTEGER NOT NULL, 
	progress JSON, 
	metrics JSON, 
	reason TEXT, 
	model_version VARCHAR, 
	created_at DATETIME NOT NULL, 
	started_at DATETIME, 
	finished_at DATETIME, 
	announced_at DATETIME, 
	cancel_requested_at DATETIME, 
	cancel_requested_by VARCHAR, 
	dry_run BOOLEAN DEFAULT 0 NOT NULL, 
	manifest_hash VARCHAR, 
	response_url VARCHAR, 
	follow_up JSON, 
	CONSTRAINT pk_retrain_run PRIMARY KEY (id), 
	CONSTRAINT ck_retrain_run_source CHECK (source IN ('command', 'cron', 'first_start', 'labels', 'category')), 
	CONSTRAINT uq_retrain_run_team_id_slot UNIQUE (team_id, slot), 
	CONSTRAINT ck_retrain_run_state CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled'))
);
INSERT INTO "retrain_run" VALUES('1de89571c5a345539ee9980be3618d3a','T0ACME','first','done','U0ANNA','first_start','C0TEAM','1793610000.000200','scheduler-1',NULL,1,'{"stage": "train", "fraction": 0.4, "epoch": 2, "epochs": 5, "eta_seconds": 60.0}','{"challenger": {"accuracy": 0.9, "n": 45}, "champion": null}',NULL,'20261129T092341Z-bbe4d3','2026-11-02 09:00:00.000000','2026-11-02 09:00:00.000000','2026-11-02 10:00:00.000000','2026-11-02 10:00:00.000000',NULL,NULL,0,'2222222222222222222222222222222222222222222222222222222222222222',NULL,NULL);
INSERT INTO "retrain_run" VALUES('a6297fc6454d4013a3aa885bb7da7337','T0ACME','nightly/2026-11-03','failed','U0ANNA','cron','C0TEAM','1793610001.000200','scheduler-1',NULL,1,'{"stage": "train", "fraction": 0.4, "epoch": 2, "epochs": 5, "eta_seconds": 60.0}','{"challenger": {"accuracy": 0.9, "n": 45}, "champion": null}','The retraining needed more memory.',NULL,'2026-11-03 09:00:00.000000','2026-11-03 09:00:00.000000','2026-11-03 10:00:00.000000','2026-11-03 10:00:00.000000',NULL,NULL,0,'2222222222222222222222222222222222222222222222222222222222222222',NULL,NULL);
INSERT INTO "retrain_run" VALUES('d7249e29c7064f08bf771fe9e7377451','T0ACME','command/1','cancelled','U0ANNA','command','C0TEAM','1793610002.000200',NULL,NULL,0,NULL,NULL,NULL,NULL,'2026-11-04 09:00:00.000000',NULL,'2026-11-04 09:01:00.000000',NULL,'2026-11-04 09:01:00.000000','U0LENA',1,NULL,NULL,NULL);
INSERT INTO "retrain_run" VALUES('69c5ab92aed845758462929ed9f5d998','T0ACME','labels/50','running','U0ANNA','labels','C0TEAM','1793610003.000200','scheduler-1','2026-11-05 09:01:00.000000',1,'{"stage": "train", "fraction": 0.4, "epoch": 2, "epochs": 5, "eta_seconds": 60.0}',NULL,NULL,NULL,'2026-11-05 09:00:00.000000','2026-11-05 09:00:00.000000',NULL,NULL,NULL,NULL,0,NULL,NULL,'{"slot": "category/1", "requested_by": "U0ANNA", "response_url": "https://e.test"}');
CREATE TABLE shadow_answer (
	id CHAR(32) NOT NULL, 
	team_id VARCHAR NOT NULL, 
	ticket_id CHAR(32) NOT NULL, 
	model_version VARCHAR NOT NULL, 
	category VARCHAR NOT NULL, 
	confidence DOUBLE NOT NULL, 
	out_of_scope DOUBLE NOT NULL, 
	agrees BOOLEAN NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_shadow_answer PRIMARY KEY (id), 
	CONSTRAINT fk_shadow_answer_team_id_ticket_id_ticket FOREIGN KEY(team_id, ticket_id) REFERENCES ticket (team_id, id) ON DELETE CASCADE, 
	CONSTRAINT uq_shadow_answer_ticket_id_model_version UNIQUE (ticket_id, model_version)
);
INSERT INTO "shadow_answer" VALUES('405417208b9047cca907ac1ddfcf2375','T0ACME','616fd6d8cc414c73a26c0e694cf03cad','20261102T000000Z-000001','login',0.8,0.1,1,'2026-11-02 10:00:00.000000');
INSERT INTO "shadow_answer" VALUES('1bfa10ad23414673917c735edffe9564','T0ACME','4d105168c0c34b4c84a33d3c678f5d8b','20261102T000000Z-000001','login',0.8,0.1,0,'2026-11-02 10:00:00.000000');
INSERT INTO "shadow_answer" VALUES('524f665103a1468996e7a193323d3181','T0ACME','616fd6d8cc414c73a26c0e694cf03cad','20261103T000000Z-000002','login',0.8,0.1,1,'2026-11-02 10:00:00.000000');
INSERT INTO "shadow_answer" VALUES('bcc5231d693d4d93802d1a7d4c673c02','T0ACME','4d105168c0c34b4c84a33d3c678f5d8b','20261103T000000Z-000002','login',0.8,0.1,0,'2026-11-02 10:00:00.000000');
INSERT INTO "shadow_answer" VALUES('045b3f7e15594fb0a553d705cc891f06','T0ACME','6f6b56d0d22a48d5848e86f18a1d11e3','20261103T000000Z-000002','login',0.8,0.1,1,'2026-11-02 10:00:00.000000');
CREATE TABLE slack_bots (
	id INTEGER NOT NULL, 
	client_id VARCHAR(32) NOT NULL, 
	app_id VARCHAR(32) NOT NULL, 
	enterprise_id VARCHAR(32), 
	enterprise_name VARCHAR(200), 
	team_id VARCHAR(32), 
	team_name VARCHAR(200), 
	bot_token VARCHAR(200), 
	bot_id VARCHAR(32), 
	bot_user_id VARCHAR(32), 
	bot_scopes VARCHAR(1000), 
	bot_refresh_token VARCHAR(200), 
	bot_token_expires_at DATETIME, 
	is_enterprise_install BOOLEAN NOT NULL, 
	installed_at DATETIME NOT NULL, 
	CONSTRAINT pk_slack_bots PRIMARY KEY (id)
);
INSERT INTO "slack_bots" VALUES(1,'1.2','A0ACME',NULL,NULL,'T0ACME','Acme','bot-token','B0','U0BOT',NULL,NULL,NULL,0,'2026-11-02 09:00:00.000000');
CREATE TABLE slack_installations (
	id INTEGER NOT NULL, 
	client_id VARCHAR(32) NOT NULL, 
	app_id VARCHAR(32) NOT NULL, 
	enterprise_id VARCHAR(32), 
	enterprise_name VARCHAR(200), 
	enterprise_url VARCHAR(200), 
	team_id VARCHAR(32), 
	team_name VARCHAR(200), 
	bot_token VARCHAR(200), 
	bot_id VARCHAR(32), 
	bot_user_id VARCHAR(32), 
	bot_scopes VARCHAR(1000), 
	bot_refresh_token VARCHAR(200), 
	bot_token_expires_at DATETIME, 
	user_id VARCHAR(32) NOT NULL, 
	user_token VARCHAR(200), 
	user_scopes VARCHAR(1000), 
	user_refresh_token VARCHAR(200), 
	user_token_expires_at DATETIME, 
	incoming_webhook_url VARCHAR(200), 
	incoming_webhook_channel VARCHAR(200), 
	incoming_webhook_channel_id VARCHAR(200), 
	incoming_webhook_configuration_url VARCHAR(200), 
	is_enterprise_install BOOLEAN NOT NULL, 
	token_type VARCHAR(32), 
	installed_at DATETIME NOT NULL, 
	CONSTRAINT pk_slack_installations PRIMARY KEY (id)
);
INSERT INTO "slack_installations" VALUES(1,'1.2','A0ACME',NULL,NULL,NULL,'T0ACME','Acme','bot-token','B0','U0BOT',NULL,NULL,NULL,'U0ANNA',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,'2026-11-02 09:00:00.000000');
CREATE TABLE slack_oauth_states (
	id INTEGER NOT NULL, 
	state VARCHAR(200) NOT NULL, 
	expire_at DATETIME NOT NULL, 
	CONSTRAINT pk_slack_oauth_states PRIMARY KEY (id)
);
INSERT INTO "slack_oauth_states" VALUES(1,'state-1','2026-11-02 09:00:00.000000');
CREATE TABLE ticket (
	id CHAR(32) NOT NULL, 
	team_id VARCHAR NOT NULL, 
	channel_id VARCHAR NOT NULL, 
	ts VARCHAR NOT NULL, 
	user_id VARCHAR NOT NULL, 
	text TEXT NOT NULL, 
	state VARCHAR(32) NOT NULL, 
	category VARCHAR, 
	created_at DATETIME NOT NULL, 
	posted_at DATETIME NOT NULL, 
	CONSTRAINT pk_ticket PRIMARY KEY (id), 
	CONSTRAINT uq_ticket_team_id_channel_id_ts UNIQUE (team_id, channel_id, ts), 
	CONSTRAINT uq_ticket_team_id_id UNIQUE (team_id, id), 
	CONSTRAINT ck_ticket_state CHECK (state IN ('new', 'routed', 'asked', 'out_of_scope'))
);
INSERT INTO "ticket" VALUES('616fd6d8cc414c73a26c0e694cf03cad','T0ACME','C0HELP','1793610000.000000','U0SAM','my password does not work','routed','login','2026-11-02 09:00:00.000000','2026-11-02 09:00:00.000000');
INSERT INTO "ticket" VALUES('4d105168c0c34b4c84a33d3c678f5d8b','T0ACME','C0HELP','1793696400.000001','U0SAM','the invoice was charged twice','routed','billing','2026-11-03 09:00:00.000000','2026-11-03 09:00:00.000001');
INSERT INTO "ticket" VALUES('6f6b56d0d22a48d5848e86f18a1d11e3','T0ACME','C0HELP','1793782800.000002','U0SAM','help with the code','asked',NULL,'2026-11-04 09:00:00.000000','2026-11-04 09:00:00.000002');
INSERT INTO "ticket" VALUES('6c4acf7f98ef4500a5ac323e882c126f','T0ACME','C0HELP','1793869200.000003','U0SAM','lunch on friday','out_of_scope',NULL,'2026-11-05 09:00:00.000000','2026-11-05 09:00:00.000003');
INSERT INTO "ticket" VALUES('c82e1d8ac4af488fbe0c8aef29ea8d83','T0ACME','C0HELP','1793955600.000004','U0SAM','the vpn is not working','routed','network','2026-11-06 09:00:00.000000','2026-11-06 09:00:00.000004');
INSERT INTO "ticket" VALUES('5bc59f7a1d734efabf44e9f006ba76ea','T0ACME','C0HELP','1794042000.000005','U0SAM','it is the payment again','asked',NULL,'2026-11-07 09:00:00.000000','2026-11-07 09:00:00.000005');
INSERT INTO "ticket" VALUES('ed09f2bb00c94a09b54a19799ddb500c','T0ACME','C0HELP','1794128400.000006','U0SAM','my account is locked','routed','login','2026-11-08 09:00:00.000000','2026-11-08 09:00:00.000006');
INSERT INTO "ticket" VALUES('a5aa756fd6284d2bba2b3d2114e7ba43','T0ACME','C0HELP','1794214800.000007','U0SAM','wifi please','new',NULL,'2026-11-09 09:00:00.000000','2026-11-09 09:00:00.000007');
CREATE TABLE ticket_embedding (
	id CHAR(32) NOT NULL, 
	team_id VARCHAR NOT NULL, 
	ticket_id CHAR(32) NOT NULL, 
	model_version VARCHAR NOT NULL, 
	embedding BLOB NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_ticket_embedding PRIMARY KEY (id), 
	CONSTRAINT fk_ticket_embedding_team_id_ticket_id_ticket FOREIGN KEY(team_id, ticket_id) REFERENCES ticket (team_id, id) ON DELETE CASCADE, 
	CONSTRAINT uq_ticket_embedding_ticket_id_model_version UNIQUE (ticket_id, model_version)
);
INSERT INTO "ticket_embedding" VALUES('9291d75e1cfb46b8a8349b378895b266','T0ACME','616fd6d8cc414c73a26c0e694cf03cad','20261129T092341Z-bbe4d3',X'2FDDA43FD578B93F022B873D0AD743BFA8C68BBFB6F3FD3CE5D082BF9EEFB7BF','2026-11-02 10:00:00.000000');
INSERT INTO "ticket_embedding" VALUES('d0a7ebb363b449d181741e74a029462e','T0ACME','4d105168c0c34b4c84a33d3c678f5d8b','20261129T092341Z-bbe4d3',X'A8C64B3E2731083EA8C60B3FE7FB69BF0AD7A33BB81E85BD9CC4C0BF5EBA093F','2026-11-02 10:00:00.000000');
INSERT INTO "ticket_embedding" VALUES('767355fbc4784e3f9e98b47c01818d1b','T0ACME','6f6b56d0d22a48d5848e86f18a1d11e3','20261129T092341Z-bbe4d3',X'1D5AA43E60E518403BDF4F3EE17A14BEF2D29D3FA8C64B3E39B4683F5A64BBBE','2026-11-02 10:00:00.000000');
INSERT INTO "ticket_embedding" VALUES('ab464ce85ab04702a7e4b58f15c1ca20','T0ACME','6c4acf7f98ef4500a5ac323e882c126f','20261129T092341Z-bbe4d3',X'643B5F3E6F12833F0E2D323F6F12033EFA7E8ABF0AD7E33E2DB29D3DEC51383F','2026-11-02 10:00:00.000000');
INSERT INTO "ticket_embedding" VALUES('526fe4b3b4c2462988b1a13db6ee01bc','T0ACME','c82e1d8ac4af488fbe0c8aef29ea8d83','20261129T092341Z-bbe4d3',X'1B2F5D3E96438B3FF4FD54BD17D94E3E83C02A3FD1228BBFF2D2CDBE000000BF','2026-11-02 10:00:00.000000');
INSERT INTO "ticket_embedding" VALUES('f8ad1d953f4d4ce6ba9d00e961e43265','T0ACME','5bc59f7a1d734efabf44e9f006ba76ea','20261129T092341Z-bbe4d3',X'6891FD3FC976BEBD79E9263FC9761E3F3BDF8FBE2B87C6BF3D0A773F4E62D0BE','2026-11-02 10:00:00.000000');
CREATE INDEX ix_audit_event_recent ON audit_event (team_id, at);
CREATE INDEX ix_inbox_event_due ON inbox_event (state, next_attempt_at);
CREATE INDEX slack_bots_idx ON slack_bots (client_id, enterprise_id, team_id, installed_at);
CREATE INDEX slack_installations_idx ON slack_installations (client_id, enterprise_id, team_id, user_id, installed_at);
CREATE INDEX ix_ticket_recent ON ticket (team_id, posted_at);
CREATE INDEX ix_reply_due ON reply (state, next_attempt_at);
CREATE INDEX ix_reply_message ON reply (team_id, channel_id, ts);
CREATE INDEX ix_prediction_ticket ON prediction (team_id, ticket_id, created_at);
CREATE UNIQUE INDEX uq_label_active ON label (team_id, ticket_id, user_id) WHERE withdrawn_at IS NULL;
CREATE INDEX ix_label_created ON label (team_id, created_at);
CREATE UNIQUE INDEX uq_model_version_active ON model_version (team_id) WHERE state = 'active';
CREATE INDEX ix_ticket_embedding_model ON ticket_embedding (team_id, model_version);
CREATE INDEX ix_shadow_answer_model ON shadow_answer (team_id, model_version);
CREATE UNIQUE INDEX uq_label_review_open ON label_review (team_id, ticket_id) WHERE state = 'open';
CREATE UNIQUE INDEX uq_retrain_run_unfinished ON retrain_run (team_id) WHERE state IN ('queued', 'running');
COMMIT;
