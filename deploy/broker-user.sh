#!/bin/sh
# Writes mosquitto's password file with the service's own user, unless it is there already.
# The file and its folder belong to the broker alone.
set -eu
: "${MQTT_PASSWORD:?the password that VEDETTE_MQTT_URL uses}"
file=${1:-/etc/mosquitto/users/passwords}
owner=${2:-1883:1883}

umask 077
if [ ! -s "$file" ]; then mosquitto_passwd -b -c "$file" vedette "$MQTT_PASSWORD"; fi
chown -R "$owner" "$(dirname "$file")"
chmod 0600 "$file"
