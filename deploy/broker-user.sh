#!/bin/sh
# Writes mosquitto's password file with the service's own user, unless it is there already.
#
# broker-user.sh FILE OWNER [DIRECTORY...]: the file, and the directories if any, become OWNER's.
set -eu
: "${MQTT_PASSWORD:?the password that VEDETTE_MQTT_URL uses}"
file=$1
owner=$2
shift 2

umask 077
if [ ! -s "$file" ]; then mosquitto_passwd -b -c "$file" vedette "$MQTT_PASSWORD"; fi
chmod 0600 "$file"
chown "$owner" "$file" "$@"
