"""The variables of a user who has other installations of Spark, Kafka, Hive, dbt and Python."""

CLOSED_ADDRESS = "127.0.0.1:1"

PROXIES = {
    "http_proxy": f"http://{CLOSED_ADDRESS}",
    "https_proxy": f"http://{CLOSED_ADDRESS}",
    "HTTPS_PROXY": f"http://{CLOSED_ADDRESS}",
    "grpc_proxy": f"http://{CLOSED_ADDRESS}",
    "all_proxy": f"socks5://{CLOSED_ADDRESS}",
    "no_grpc_proxy": "example.com",
}

SPARK = {
    "SPARK_HOME": "/nowhere",
    "SPARK_LOCAL_DIRS": "/proc/nowhere",
    "SPARK_CONF_DIR": "/nowhere",
    "SPARK_LOCAL_IP": "192.0.2.1",
    "SPARK_LOCAL_HOSTNAME": "nobody.invalid",
    "SPARK_PUBLIC_DNS": "nobody.invalid",
    "SPARK_SUBMIT_OPTS": "-Xmx8m",
    "SPARK_DRIVER_MEMORY": "8m",
    "SPARK_REMOTE": f"sc://{CLOSED_ADDRESS}",
    "SPARK_CONNECT_MODE_ENABLED": "1",
    "SPARK_CONNECT_AUTHENTICATE_TOKEN": "token",
    "SPARK_USER": "joe",
    "SPARK_TESTING": "1",
    "MASTER": "yarn",
    "PYSPARK_PYTHON": "/nowhere/python",
    "PYSPARK_DRIVER_PYTHON": "jupyter",
    "PYSPARK_SUBMIT_ARGS": "--master yarn",
}

HADOOP = {
    "HADOOP_HOME": "/nowhere",
    "HADOOP_CONF_DIR": "/nowhere",
    "HADOOP_USER_NAME": "joe",
    "HADOOP_PROXY_USER": "jim",
    "HADOOP_OPTS": "-Xmx8m",
    "HADOOP_TOKEN_FILE_LOCATION": "/nowhere",
    "HIVE_HOME": "/nowhere",
    "HIVE_CONF_DIR": "/nowhere",
    "HIVE_OPTS": "--bad",
}

JAVA = {
    "JAVA_HOME": "/nowhere",
    "JAVA_TOOL_OPTIONS": "-Xmx8m -Duser.timezone=Asia/Tokyo",
    "_JAVA_OPTIONS": "-Xmx8m",
    "JDK_JAVA_OPTIONS": "--bad",
    "CLASSPATH": "/nowhere",
    "LOG4J_CONFIGURATION_FILE": "/nowhere",
    "KAFKA_OPTS": "-Xmx8m",
    "KAFKA_HEAP_OPTS": "-Xmx8m",
    "LOG_DIR": "/nowhere",
}

PYTHON = {
    "PYTHONWARNINGS": "error",
    "PYTHONOPTIMIZE": "2",
    "PYTHONIOENCODING": "ascii",
    "PYTHONUTF8": "0",
    "PYTHONSTARTUP": "/nowhere",
}

PACKAGES = {
    "PIP_USER": "1",
    "PIP_TARGET": "/proc/nowhere",
    "PIP_PREFIX": "/proc/nowhere",
    "PIP_REQUIRE_VIRTUALENV": "1",
    "PIP_DRY_RUN": "1",
    "PIP_CONSTRAINT": "/nowhere",
    "UV_SYSTEM_PYTHON": "1",
    "UV_PYTHON": "3.9",
    "UV_TARGET": "/proc/nowhere",
    "UV_PROJECT_ENVIRONMENT": "/proc/nowhere",
    "UV_EXCLUDE_NEWER": "2015-01-01",
    "UV_DRY_RUN": "1",
}

DBT = {
    "DBT_PROFILES_DIR": "/nowhere",
    "DBT_PROJECT_DIR": "/nowhere",
    "DBT_PROFILE": "another",
    "DBT_TARGET": "prod",
    "DBT_FULL_REFRESH": "1",
    "DBT_EMPTY": "1",
    "DBT_SAMPLE": "3 days",
    "DBT_RESOURCE_TYPES": "seed",
    "DBT_EXCLUDE_RESOURCE_TYPES": "model",
    "DBT_INDIRECT_SELECTION": "empty",
    "DBT_FAIL_FAST": "1",
    "DBT_DEFER": "1",
    "DBT_STATE": "/nowhere",
    "DBT_STORE_FAILURES": "1",
    "DBT_WARN_ERROR": "1",
    "DBT_WRITE_JSON": "0",
}

# Variables for another project of the same tools, or for a cluster.
ASSAY = {
    "ASSAY_TARGET": "cluster",
    "ASSAY_SCHEMA": "another",
    "ASSAY_KAFKA": CLOSED_ADDRESS,
    "ASSAY_SPARK": f"sc://{CLOSED_ADDRESS}",
    "ASSAY_THRIFT_HOST": "nobody.invalid",
    "ASSAY_TOPIC": "another",
    "ASSAY_TABLE": "another.table",
    "ASSAY_KAFKA_SECURITY": "SSL",
    "ASSAY_MAX_MESSAGES": "1",
    "ASSAY_CONFIG": "/nowhere",
}

SYSTEM = {
    "VIRTUAL_ENV": "/nowhere",
    "CONDA_PREFIX": "/nowhere",
    "LC_ALL": "C",
    "TZ": "Pacific/Apia",
    "TMPDIR": "/nowhere",
    "TERM": "dumb",
    "XDG_CACHE_HOME": "relative",
}

HOSTILE = PROXIES | SPARK | HADOOP | JAVA | PYTHON | PACKAGES | DBT | ASSAY | SYSTEM
