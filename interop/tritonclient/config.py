"""Writes ModelConfig messages with every field in the text format, and as JSON."""

import json

from google.protobuf import json_format, text_format
from tritonclient.grpc import model_config_pb2


def fill(message, choice):
    """Gives every field a value; of each oneof the field with the number of the choice."""
    for field in message.DESCRIPTOR.fields:
        oneof = field.containing_oneof
        if oneof is not None and oneof.fields[choice % len(oneof.fields)] is not field:
            continue
        if field.message_type is None:
            value = scalar(field)
            if field.is_repeated:
                getattr(message, field.name).extend([value, value])
            else:
                setattr(message, field.name, value)
        elif field.message_type.GetOptions().map_entry:
            key = scalar(field.message_type.fields_by_name["key"])
            entry = field.message_type.fields_by_name["value"]
            if entry.message_type is None:
                getattr(message, field.name)[key] = scalar(entry)
            else:
                fill(getattr(message, field.name)[key], choice)
        elif field.is_repeated:
            for _ in range(2):
                fill(getattr(message, field.name).add(), choice)
        else:
            getattr(message, field.name).SetInParent()
            fill(getattr(message, field.name), choice)
    return message


def scalar(field):
    if field.enum_type is not None:
        return field.enum_type.values[-1].number
    return {"string": "it's \"é\"\n", "bool": True, "float": 0.5, "double": 0.5}.get(kinds[field.type], 7)


kinds = {1: "double", 2: "float", 8: "bool", 9: "string"}
kinds = {number: kinds.get(number, "whole") for number in range(1, 19)}

ways = [
    {},
    {"as_one_line": True},
    {"as_utf8": False},
    {"use_short_repeated_primitives": True},
    {"pointy_brackets": True},
]
configs = []
for choice in range(3):
    config = fill(model_config_pb2.ModelConfig(), choice)
    for options in ways:
        text = text_format.MessageToString(config, **options)
        assert text_format.Parse(text, model_config_pb2.ModelConfig()) == config
        fields = json_format.MessageToDict(config, preserving_proto_field_name=True)
        configs.append({"text": text, "fields": fields})
print(json.dumps(configs))
