"""Help at home: requests, invitations, visits, and the hours they are paid with."""
