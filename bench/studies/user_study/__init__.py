"""The user study of the papers: participants choose the reconstruction that is most similar to a target.

Questions are built from stored records, a local page shows them, one file keeps the votes, and a report counts them.
"""
