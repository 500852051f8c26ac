"""The papers' user study, to be made anew: people choose the reconstruction that is most similar to a target.

Questions are made of stored records, votes are kept in one file, a local page asks, a report counts.
"""
