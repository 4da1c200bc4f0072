# Kafka from its published jars (kafka/pom.xml): one node, broker and controller at once. Data: FOLDER/data.

kafka_sources=$here/native-services/kafka

kafka_missing_packages() {
  command -v java >/dev/null || echo default-jre-headless
  command -v mvn >/dev/null || [ -e "$root/kafka/libs/complete" ] || echo maven
}

kafka_prepare() {
  local folder=$1
  kafka_jars "$folder" || return 1
  [ -s "$folder/controller-port" ] || choose_port kafka_controller >"$folder/controller-port"
  [ -s "$folder/byway-port" ] || choose_port kafka_byway >"$folder/byway-port"
  sed -e "s|@PORT@|$(cat "$folder/port")|g" -e "s|@CONTROLLER_PORT@|$(cat "$folder/controller-port")|g" \
    -e "s|@BYWAY_PORT@|$(cat "$folder/byway-port")|g" -e "s|@PROXY_PORT@|$(($(cat "$folder/byway-port") + 1))|g" \
    -e "s|@FOLDER@|$folder|g" "$kafka_sources/server.properties" >"$folder/server.properties"
  if [ -e "$folder/data/meta.properties" ]; then return 0; fi
  rm -rf "$folder/data"
  local id
  id=$(kafka_java "$folder" kafka.tools.StorageTool random-uuid) || return 1
  kafka_java "$folder" kafka.tools.StorageTool format --standalone -t "$id" -c "$folder/server.properties"
}

# About 90 jars, 54 MB, once per folder and version.
kafka_jars() {
  local folder=$1
  if cmp -s "$kafka_sources/pom.xml" "$folder/libs/complete"; then return 0; fi
  rm -rf "$folder/libs"
  mvn -q -B -f "$kafka_sources/pom.xml" dependency:copy-dependencies -DoutputDirectory="$folder/libs" &&
    cp "$kafka_sources/pom.xml" "$folder/libs/complete"
}

kafka_java() {
  local folder=$1
  shift
  java -cp "$folder/libs/*" "-Dlog4j2.configurationFile=$kafka_sources/log4j2.properties" "$@"
}

kafka_command() {
  run=(java -Xms256m -Xmx1g -cp "$1/libs/*" "-Dlog4j2.configurationFile=$kafka_sources/log4j2.properties"
    kafka.Kafka "$1/server.properties")
}

# The port opens before the broker may take topics; the line is written afterwards, into a log of this start.
kafka_is_ready() { grep -q 'Kafka Server started' "$1/log" && accepts "$2"; }

kafka_stop_signal() { echo TERM; }

kafka_environment() { echo "export STARLING_TEST_KAFKA_BROKERS=127.0.0.1:$1"; }
