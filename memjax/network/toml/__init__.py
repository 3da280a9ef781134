"""A network as a TOML file: its keys, checked as a whole, and the network that they make."""

from .network_file import NetworkFile as NetworkFile, load_network as load_network
