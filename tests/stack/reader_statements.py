"""What a reader may ask, and what it is refused; on the tables of `tests/stack/test_readers.py`."""

# Each changes what all readers see. HDFS and the metastore refuse it, whatever the server's rules.
CHANGES = (
    # rows
    "insert into core.attempts values ('d', 'Git', 0.5)",
    "insert overwrite core.attempts values ('d', 'Git', 0.5)",
    "insert overwrite core.attempts partition (exam_name = 'Git') select 'd', 0.5",
    "insert into core.attempts replace where score < 1 values ('d', 'Git', 0.5)",
    "with new as (select 'd', 'Git', 0.5) insert into core.attempts select * from new",
    "from core.attempts insert into core.attempts select * insert into core.empty select *",
    "update core.attempts set score = 0",
    "delete from core.attempts where score < 1",
    "delete from core.attempts",
    "truncate table core.attempts",
    "merge into core.attempts as old using (select 'a' as id) as new on old.attempt_id = new.id "
    "when matched then delete",
    "insert into core.attempts.branch_side values ('d', 'Git', 0.5)",
    # files
    "insert overwrite directory 'hdfs://assay/warehouse/stolen' using parquet select 1",
    "insert overwrite directory 'hdfs://assay/stolen' select 1",
    "load data inpath 'hdfs://assay/warehouse/core.db' into table core.attempts",
    # tables
    "create table core.mine (a int) using iceberg",
    "create table core.mine using iceberg as select 1 as a",
    "create table core.mine (a int) using iceberg location 'hdfs://assay/mine'",
    "create table core.mine (a int) using parquet",
    "create table default.mine (a int) using iceberg",
    "create or replace table core.attempts (a int) using iceberg",
    "create or replace table core.attempts using iceberg as select 1 as a",
    "create external table core.mine (a int) location 'hdfs://assay/warehouse/spare.db'",
    "drop table core.attempts",
    "drop table core.attempts purge",
    "drop table core.empty",
    "alter table core.attempts add column a int",
    "alter table core.attempts rename column score to points",
    "alter table core.attempts drop column score",
    "alter table core.attempts alter column score type decimal(5, 2)",
    "alter table core.attempts alter column score comment 'mine'",
    "alter table core.attempts set tblproperties ('a' = 'b')",
    "alter table core.attempts unset tblproperties ('note')",
    "alter table core.attempts rename to core.mine",
    "alter table core.attempts write ordered by score",
    "alter table core.attempts add partition field score",
    "alter table core.attempts drop partition field exam_name",
    "alter table core.attempts create branch mine",
    "alter table core.attempts drop branch side",
    "alter table core.attempts create tag mine",
    "comment on table core.attempts is 'mine'",
    # views and schemas
    "create view core.mine as select 1 as a",
    "create or replace view questions.answers as select 1 as a",
    "alter view questions.answers as select 1 as a",
    "alter view questions.answers set tblproperties ('a' = 'b')",
    "drop view questions.answers",
    "create schema mine",
    "create schema mine location 'hdfs://assay/mine'",
    "drop schema core cascade",
    "drop schema spare",
    "alter schema core set location 'hdfs://assay/mine'",
    # procedures of Iceberg
    "call system.rollback_to_snapshot('core.attempts', {first_snapshot})",
    "call system.set_current_snapshot('core.attempts', {first_snapshot})",
    "call system.expire_snapshots(table => 'core.attempts', retain_last => 1, "
    "older_than => timestamp '2100-01-01')",
    "call system.rewrite_data_files(table => 'core.attempts', "
    "options => map('rewrite-all', 'true'))",
    "call system.rewrite_manifests('core.attempts')",
    "call system.fast_forward('core.attempts', 'side', 'main')",
    "call system.register_table('core.mine', '{metadata_file}')",
)

# Each changes names and notes in the metastore, which does not ask HDFS about functions and about
# properties of schemas; and others may write the folder of temporary files of its host.
NAMES = (
    "create function core.mine as 'org.apache.hadoop.hive.ql.udf.UDFPI'",
    "create schema mine location 'file:{temporary}'",
    "alter schema spare set dbproperties ('a' = 'b')",
    "comment on schema spare is 'mine'",
)

# Each changes nothing that is shared, but is code, a setting, or memory and disk of the server.
# HDFS does not see it, so only the server's rules refuse it.
CODE_AND_SETTINGS = (
    "create temporary view mine as select 1 as a",
    "create temporary view mine (a int) using csv options (path 'file:/etc/passwd')",
    "create temporary function mine as 'org.apache.hadoop.hive.ql.udf.UDFPI'",
    "create temporary function mine(a int) returns int return a + 1",
    "cache table core.attempts",
    "cache lazy table mine as select * from core.attempts",
    "uncache table core.attempts",
    "clear cache",
    "refresh table core.attempts",
    "set spark.sql.shuffle.partitions = 1",
    "set spark.sql.variable.substitute = true",
    "set spark.sql.runSQLOnFiles = true",
    "set spark.sql.thriftServer.queryTimeout = 0",
    "set spark.sql.catalog.mine = org.apache.iceberg.spark.SparkCatalog",
    "set fs.defaultFS = file:///",
    "reset",
    "declare variable mine int default 1",
    "execute immediate 'create temporary view mine as select 1 as a'",
    "add file '{certificate}'",
    "add jar '{jar}'",
    "list jars",
    "select transform(attempt_id) using 'cat' as (a) from core.attempts",
    "select (select max(a) from (select transform(attempt_id) using 'cat' as (a) "
    "from core.attempts))",
    "select reflect('java.lang.System', 'getenv', 'HADOOP_USER_NAME')",
    "select java_method('java.lang.System', 'lineSeparator')",
    "select try_reflect('java.lang.System', 'lineSeparator')",
    "with t as (select reflect('java.lang.System', 'lineSeparator') as a) select * from t",
    "select * from core.attempts where attempt_id = reflect('java.lang.System', 'lineSeparator')",
    "call system.ancestors_of('core.attempts')",
    "select * from csv.`file:{certificate}`",
    "insert overwrite directory 'file:{state}/stolen' using csv select 1",
    "begin declare a int default 1; select a; end",
)

# Spark does not support these, so HDFS is not asked.
UNSUPPORTED = (
    "load data inpath 'hdfs://assay/warehouse/core.db' into table core.attempts",
    "alter view questions.answers as select 1 as a",
    "alter schema core set location 'hdfs://assay/mine'",
)

# Spark's own analysis refuses these before the server's rules see them.
REFUSED_BY_SPARK = (
    "alter view questions.answers as select 1 as a",
    "select * from csv.`file:{certificate}`",
)

ALLOWED = (
    "select * from core.attempts",
    "select exam_name, avg(score) from core.attempts group by exam_name order by exam_name",
    "select * from questions.answers",
    "select a.attempt_id from core.attempts as a join core.attempts as b using (attempt_id)",
    "with best as (select max(score) as score from core.attempts) select * from best",
    "select *, rank() over (order by score) as place from core.attempts",
    "select (select max(score) from core.attempts) as best",
    "select explode(array(1, 2)) as a",
    "select count(*) from range(1000)",
    "select * from core.attempts version as of {first_snapshot}",
    "select snapshot_id, operation from core.attempts.snapshots",
    "select * from core.attempts.files",
    "from core.attempts |> where score > 0.5 |> select attempt_id",
    "select '${{env:HADOOP_USER_NAME}}' as a",
    "execute immediate 'select 1'",
    "show schemas",
    "show tables in core",
    "show views in questions",
    "show columns in core.attempts",
    "show tblproperties core.attempts",
    "show create table core.attempts",
    "show functions like 'a*'",
    "describe core.attempts",
    "describe extended questions.answers",
    "describe schema core",
    "describe function upper",
    "describe query select 1",
    "explain select * from core.attempts",
    "explain drop table core.attempts",
    "use core",
    "use default",
    "set",
    "set -v",
    "set spark.sql.session.timeZone",
    "set spark.sql.ansi.enabled = true",
    "set time zone 'UTC'",
)

# Configurations of a session, as an address gives them (`?spark.a=b#c=d`), or a client of Thrift.
SESSIONS = (
    {"set:hiveconf:spark.sql.shuffle.partitions": "1"},
    {"set:hiveconf:spark.sql.variable.substitute": "true"},
    {"set:hivevar:spark.sql.variable.substitute": "true"},
    {"set:hivevar:mine": "1"},
    {"set:hiveconf:hive.variable.substitute": "true"},
    {"hive.variable.substitute": "true"},
    {"set:hiveconf:hive.metastore.uris": "thrift://127.0.0.1:1"},
    {"set:hiveconf:fs.defaultFS": "file:///"},
    {"set:spark.sql.catalog.mine": "org.apache.iceberg.spark.SparkCatalog"},
    {"set:system:hive.server2.authentication.ldap.url": "ldap://127.0.0.1:1"},
    {"set:system:user.home": "/"},
)
